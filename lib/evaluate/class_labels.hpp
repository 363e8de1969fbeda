// Labels of a column as indices of known classes, by name or by integer value.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tensor/batch.hpp"

namespace nn::evaluate {

class ClassNames {
 public:
  // With `open`, names that are not there yet are added as they are met.
  ClassNames(std::vector<std::string> names, bool open);
  const std::vector<std::string>& names() const { return names_; }
  // Index, or -1. An integer matches the class of that value, however it is written.
  std::int32_t find(std::string_view text);
  std::int32_t find(std::int64_t value);

 private:
  std::int32_t add(std::string name);
  std::vector<std::string> names_;
  bool open_;
  std::map<std::string, std::int32_t, std::less<>> by_name_;  // ordered: no labels make it slow
  std::map<std::int64_t, std::int32_t> by_value_;
};

// One column of labels. One thread.
class LabelColumn {
 public:
  static constexpr std::int32_t unknown = -1, missing = -2;

  // Data error when the column cannot be labels (a tensor).
  LabelColumn(const Schema& schema, std::size_t column);
  // out [batch.rows]: class index, `unknown` or `missing` (no value, NaN).
  void read(const Batch& batch, ClassNames& names, std::int32_t* out);

 private:
  std::int32_t of_number(double value, ClassNames& names) const;
  std::size_t column_;
  DType type_;
  std::shared_ptr<const Dictionary> dictionary_;  // of what is in known_
  std::vector<std::int32_t> known_;               // class of each dictionary entry
};

}  // namespace nn::evaluate
