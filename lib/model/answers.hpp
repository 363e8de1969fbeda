// What a network answers of a number: the number, some of its quantiles, or its mean and standard deviation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nn/kinds.hpp"

namespace nn::model {

struct Answers {
  enum class Kind : std::uint8_t { values, quantiles, normal };
  Kind kind = Kind::values;
  std::vector<double> quantiles;  // ascending; see nn/network.hpp
  bool operator==(const Answers&) const = default;

  // For each number; 1 where it is the number itself.
  std::int64_t each() const;
  // What they are called: "q0.1", or "mean" and "std"; nothing for the number itself.
  std::vector<std::string> names() const;
  // Which of them stands for the number: the mean, or the quantile that is next to the median.
  std::size_t point() const;
  // "normal", "quantiles:0.1,0.9", as prediction streams have it; empty for the number itself.
  std::string text() const;
};

// Of a network that was trained for it.
Answers::Kind answers_kind_of(Loss loss);

// Reads text(); data errors for anything else.
Answers parse_answers(std::string_view text);
// From what columns are called, as text formats have them; nothing where that says nothing.
std::optional<Answers> answers_of_names(const std::vector<std::string>& names);

}  // namespace nn::model
