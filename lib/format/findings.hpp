// What readers find out beside the rows. For this module only.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tensor/batch.hpp"

namespace nn::format {

// Kept for the inputs of one open_source(). Thread-safe, since inputs may be read ahead.
class Findings {
 public:
  // Row `row` of an input, from 0, has no y, and stands at `place`, "rows.csv:17". The first of an input are
  // kept.
  void add_unlabelled(const std::string& input, std::int64_t row, std::string place);
  // Input `name` begins at this row of all inputs. In their order.
  void add_input(std::string name, std::int64_t first_row);
  // Where row `row` of all inputs stands: its place, else its input and its row there; empty where nothing is
  // known of it.
  std::string place_of(std::int64_t row) const;
  // The first few of the rows without a y, in the order of the inputs: "rows.csv:17, rows.csv:30 and more".
  std::string unlabelled() const;

  // A column of the first input in which no row has a value.
  void add_open(std::string column);
  bool is_open(std::string_view column) const;
  // What such a column holds in another input, where that is neither numbers nor texts.
  void decide_open(Field field);
  std::optional<Field> decided(std::string_view column) const;
  // The first input is opened again, and what it shows of its columns was said.
  void begin_again();
  bool began_again() const;
  // A column of which it was said that it loses leading zeros.
  void add_padded(std::string column);
  bool is_padded(std::string_view column) const;
  void forget_open();  // the first input had no rows, and another is the first

 private:
  static constexpr std::size_t most_rows = 100'000;  // of an input

  mutable std::mutex mutex_;
  std::map<std::string, std::map<std::int64_t, std::string>> unlabelled_;
  std::vector<std::pair<std::int64_t, std::string>> inputs_;
  std::set<std::string, std::less<>> open_, padded_;
  bool began_again_ = false;
  std::map<std::string, Field, std::less<>> decided_;
};

}  // namespace nn::format
