// The words of a layer, and what descriptors in nn/layers read and write with them. Internal to lib/nn.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nn/layer.hpp"
#include "nn/option_values.hpp"

namespace nn {

inline constexpr std::string_view blanks = " \t\n";
inline constexpr std::int64_t most_units = std::int64_t{1} << 20;

// The words of one layer, taken one after the other.
class Words {
 public:
  explicit Words(std::string_view text);

  bool empty() const { return next_ == words_.size(); }
  std::string_view peek() const { return words_[next_]; }
  std::string_view take(std::string_view expected);  // usage error "… is missing" behind the last one
  bool take_if(std::string_view word);
  bool number_follows() const;
  void expect_end() const;

 private:
  std::vector<std::string_view> words_;
  std::size_t next_ = 0;
};

// These throw a usage error that says what is possible; `name` is what the error calls the number.
std::int64_t parse_units(std::string_view name, std::string_view word);  // from 1 to most_units
Size parse_size(std::string_view word);                                  // "3" or "3x5"
Sides parse_sides(std::string_view word);                                // "1", "1x2" or "0:1x2:3"

std::string to_string(Size size);  // "3" or "3x5"
// "1" of all sides, "1x2" of top and bottom and of left and right, or "0:1x2:3", which is before:behind.
std::string to_string(const Sides& sides);

// An activation and its slope, "leaky_relu 0.01". As words they have blanks before them, and there are none
// for linear.
void parse_activation_words(Words& words, Layer& layer);
std::string activation_words(const Layer& layer);
void describe_activation(const Layer& layer, OptionValues& values);

// Parts of descriptors whose layers have no options.
void parse_nothing(Words& words, Layer& layer);
std::string print_nothing(const Layer& layer);

}  // namespace nn
