#include "evaluate/class_labels.hpp"

#include <charconv>
#include <cmath>
#include <utility>

#include "base/error.hpp"

namespace nn::evaluate {
namespace {

std::optional<std::int64_t> integer_in(std::string_view text) {
  std::int64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || result.ec != std::errc() || result.ptr != text.data() + text.size())
    return std::nullopt;
  return value;
}

}  // namespace

ClassNames::ClassNames(std::vector<std::string> names, bool open) : open_(open) {
  for (std::string& name : names) add(std::move(name));
}

std::int32_t ClassNames::add(std::string name) {
  const auto index = static_cast<std::int32_t>(names_.size());
  by_name_.emplace(name, index);
  if (const auto value = integer_in(name)) by_value_.emplace(*value, index);
  names_.push_back(std::move(name));
  return index;
}

std::int32_t ClassNames::find(std::string_view text) {
  if (const auto found = by_name_.find(text); found != by_name_.end()) return found->second;
  if (const auto value = integer_in(text)) {
    if (const auto found = by_value_.find(*value); found != by_value_.end()) return found->second;
  }
  return open_ ? add(std::string(text)) : LabelColumn::unknown;
}

std::int32_t ClassNames::find(std::int64_t value) {
  if (const auto found = by_value_.find(value); found != by_value_.end()) return found->second;
  return open_ ? add(std::to_string(value)) : LabelColumn::unknown;
}

LabelColumn::LabelColumn(const Schema& schema, std::size_t column)
    : column_(column), type_(schema.fields[column].type) {
  const Field& field = schema.fields[column];
  if (type_ == DType::opaque || !field.shape.empty()) {
    fail_data("column {} is {} {}, expected one class a row", field.name, to_string(field.shape),
              type_ == DType::opaque ? field.foreign_type : std::string(name_of(type_)));
  }
}

std::int32_t LabelColumn::of_number(double value, ClassNames& names) const {
  if (std::isnan(value)) return missing;
  if (value != std::floor(value) || std::abs(value) > 0x1p53) return unknown;
  return names.find(static_cast<std::int64_t>(value));
}

void LabelColumn::read(const Batch& batch, ClassNames& names, std::int32_t* out) {
  const Column& column = batch.columns[column_];
  if (type_ == DType::category) {
    if (dictionary_ != column.dictionary) {
      if (!dictionary_ || !column.dictionary->continues(*dictionary_)) known_.clear();
      dictionary_ = column.dictionary;
    }
    // Looked up when first met: what no row has is no class of an open set.
    known_.resize(dictionary_->size(), missing);
  }
  for (std::int64_t row = 0; row < batch.rows; ++row) {
    if (!column.valid(row)) {
      out[row] = missing;
    } else if (type_ == DType::category) {
      const auto entry = static_cast<std::size_t>(column.as<std::int32_t>()[row]);
      if (known_[entry] == missing) known_[entry] = names.find((*dictionary_)[entry]);
      out[row] = known_[entry];
    } else if (type_ == DType::utf8) {
      out[row] = names.find(column.text(row));
    } else if (type_ == DType::i64) {
      out[row] = names.find(column.as<std::int64_t>()[row]);
    } else {
      out[row] = of_number(number_at(type_, column.data, row), names);
    }
  }
}

}  // namespace nn::evaluate
