// From the texts of a column to positions in a sorted list of texts.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/batch.hpp"

namespace nn::model {

// Position of `text` in `sorted` (by bytes), or -1.
std::int32_t find_sorted(std::span<const std::string> sorted, std::string_view text);

// One column of one batch against one list; borrows both.
class CategoryIndex {
 public:
  // `type` utf8 or category; any other gives -1 for every row.
  CategoryIndex(std::span<const std::string> sorted, const Column& column, DType type, std::int64_t rows);

  // Position of the row's text, -1 when it is missing or not in the list.
  std::int32_t of(const Column& column, DType type, std::int64_t row) const {
    if (!is_text(type) || !column.valid(row)) return -1;
    if (type == DType::utf8) return find_sorted(sorted_, column.text(row));
    const auto code = static_cast<std::size_t>(column.as<std::int32_t>()[row]);
    return codes_.empty() ? find_sorted(sorted_, (*column.dictionary)[code]) : codes_[code];
  }

 private:
  std::span<const std::string> sorted_;
  std::vector<std::int32_t> codes_;  // by dictionary index; empty where looking up each row is less work
};

// Which entries of a category column's dictionary were met, from batch to batch.
class SeenEntries {
 public:
  // Turns to a batch's column, which may be of any type. What was met stays so where the dictionary has only
  // grown.
  void look_at(const Column& column) {
    if (!column.dictionary) return;
    if (!dictionary_ || !column.dictionary->continues(*dictionary_)) met_.clear();
    dictionary_ = column.dictionary;
    met_.resize(dictionary_->size());
  }
  // Whether entry `code` is met for the first time.
  bool is_first(std::size_t code) {
    const bool first = !met_[code];
    met_[code] = true;
    return first;
  }

 private:
  std::shared_ptr<const Dictionary> dictionary_;
  std::vector<bool> met_;
};

}  // namespace nn::model
