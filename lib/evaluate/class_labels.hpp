// Labels of a column as indices of known classes, by name or by integer value.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/batch.hpp"

namespace nn::evaluate {

// Names get numbers as they are met: those of a model first, then all others.
class ClassNames {
 public:
  // Data error for a name that is there twice.
  explicit ClassNames(std::vector<std::string> names);
  const std::vector<std::string>& names() const { return names_; }
  // The index of a class. One that is written exactly so comes first; otherwise an integer means the class of
  // that value, however either is written, but two texts that are written differently are two classes. Data
  // error where an integer may be one of several classes.
  std::int32_t find(std::string_view text);
  std::int32_t find(std::int64_t value) {
    if (value >= 0 && value < few && small_[static_cast<std::size_t>(value)] >= 0)
      return small_[static_cast<std::size_t>(value)];
    return find_any(value);
  }

 private:
  static constexpr std::int64_t few = 256;
  struct OfValue {
    std::int32_t index;
    bool met_as_text;  // in a column of texts: no other text is the same class
    bool several;
  };
  std::int32_t add(std::string name, bool met_as_text);
  std::int32_t find_any(std::int64_t value);

  std::vector<std::string> names_;
  std::map<std::string, std::int32_t, std::less<>> by_name_;  // ordered: no labels make it slow
  std::map<std::int64_t, OfValue> by_value_;
  std::map<std::int64_t, std::int32_t> found_;  // what integers have been taken for
  std::array<std::int32_t, few> small_;         // of small ones the same; -1: not met yet
};

// One column of labels. One thread.
class LabelColumn {
 public:
  static constexpr std::int32_t missing = -1;

  // Data error when the column cannot be labels (a tensor).
  LabelColumn(const Schema& schema, std::size_t column);
  // out [batch.rows]: class index, or `missing` (no value, NaN). Data error for an infinite number.
  void read(const Batch& batch, ClassNames& names, std::int32_t* out);

 private:
  std::int32_t of_number(const Batch& batch, std::int64_t row, ClassNames& names) const;
  std::size_t column_;
  DType type_;
  std::shared_ptr<const Dictionary> dictionary_;  // of what is in known_
  std::vector<std::int32_t> known_;               // class of each dictionary entry
};

}  // namespace nn::evaluate
