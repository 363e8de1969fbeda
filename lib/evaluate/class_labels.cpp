#include "evaluate/class_labels.hpp"

#include <charconv>
#include <cmath>
#include <utility>

#include "base/error.hpp"
#include "base/text.hpp"

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

ClassNames::ClassNames(std::vector<std::string> names) {
  small_.fill(-1);
  for (std::string& name : names) {
    if (by_name_.contains(name)) fail_data("there are two classes '{}'", printable(name));
    add(std::move(name), false);
  }
}

std::int32_t ClassNames::add(std::string name, bool met_as_text) {
  const auto index = static_cast<std::int32_t>(names_.size());
  by_name_.emplace(name, index);
  if (const auto value = integer_in(name)) {
    const auto [place, is_new] = by_value_.try_emplace(*value, OfValue{index, met_as_text, false});
    place->second.several = !is_new;
  }
  names_.push_back(std::move(name));
  return index;
}

std::int32_t ClassNames::find(std::string_view text) {
  if (const auto found = by_name_.find(text); found != by_name_.end()) return found->second;
  if (const auto value = integer_in(text)) {
    const auto found = by_value_.find(*value);
    if (found != by_value_.end() && !found->second.met_as_text && !found->second.several)
      return found->second.index;
  }
  return add(std::string(text), true);
}

std::int32_t ClassNames::find_any(std::int64_t value) {
  if (const auto known = found_.find(value); known != found_.end()) return known->second;
  const std::string text = std::to_string(value);
  const auto exact = by_name_.find(text);
  const auto same = by_value_.find(value);
  std::int32_t index = 0;
  if (exact != by_name_.end()) {
    index = exact->second;
  } else if (same == by_value_.end()) {
    index = add(text, false);
  } else if (same->second.several) {
    fail_data("several classes are {}, as '{}' is: nothing says which of them is meant", value,
              printable(names_[static_cast<std::size_t>(same->second.index)]));
  } else {
    index = same->second.index;
  }
  found_.emplace(value, index);
  if (value >= 0 && value < few) small_[static_cast<std::size_t>(value)] = index;
  return index;
}

LabelColumn::LabelColumn(const Schema& schema, std::size_t column)
    : column_(column), type_(schema.fields[column].type) {
  const Field& field = schema.fields[column];
  if (type_ == DType::opaque || !field.shape.empty()) {
    fail_data("column {} is {} {}, expected one class a row", field.name, to_string(field.shape),
              type_ == DType::opaque ? field.foreign_type : std::string(name_of(type_)));
  }
}

std::int32_t LabelColumn::of_number(const Batch& batch, std::int64_t row, ClassNames& names) const {
  const double value = number_at(type_, batch.columns[column_].data, row);
  if (std::isnan(value)) return missing;
  if (std::isinf(value)) {
    throw data_error("{} is no class", value)
        .within(
            fmt::format("row {}, column '{}'", batch.first_row + row, batch.schema->fields[column_].name));
  }
  if (value != std::floor(value) || std::abs(value) > 0x1p53)
    return names.find(value_text(batch.schema->fields[column_], batch.columns[column_], row));
  return names.find(static_cast<std::int64_t>(value));
}

void LabelColumn::read(const Batch& batch, ClassNames& names, std::int32_t* out) {
  const Column& column = batch.columns[column_];
  if (type_ == DType::category) {
    if (dictionary_ != column.dictionary) {
      if (!dictionary_ || !column.dictionary->continues(*dictionary_)) known_.clear();
      dictionary_ = column.dictionary;
    }
    // Looked up when first met: what no row has is no class.
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
      out[row] = of_number(batch, row, names);
    }
  }
}

}  // namespace nn::evaluate
