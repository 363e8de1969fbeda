#include "table/label.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "table/text_index.hpp"
#include "tensor/exact_number.hpp"
#include "tensor/name_list.hpp"

namespace nn::table {
namespace {

Field y_field(const Field& field, DType type, Shape shape) {
  Field y = field;
  y.type = type;
  y.shape = std::move(shape);
  if (field.name != "y" && y.metadata.find("nn.source_name") == nullptr) {
    y.metadata.set("nn.source_name", field.name);
  }
  y.name = "y";
  return y;
}

// The same rows with other values.
Column with_values(const Column& column, Buffer values) {
  Column out = make_column(std::move(values));
  if (column.validity != nullptr) {
    out.validity = column.validity;
    out.validity_offset = column.validity_offset;
    auto both = std::make_shared<std::pair<std::shared_ptr<const void>, std::shared_ptr<const void>>>(
        out.owner, column.owner);
    out.owner = std::move(both);
  }
  return out;
}

bool is_whole(double value) { return std::abs(value) <= 0x1p53 && std::trunc(value) == value; }

class Unchanged : public TargetColumn {
 public:
  explicit Unchanged(Field field) : field_(std::move(field)) {}
  const Field& field() const override { return field_; }
  Column convert(const Column& column, const Batch&) override { return column; }

 private:
  Field field_;
};

class WholeNumbers : public TargetColumn {
 public:
  explicit WholeNumbers(const Field& from)
      : type_(from.type), name_(from.name), field_(y_field(from, DType::i64, {})) {}
  const Field& field() const override { return field_; }

  Column convert(const Column& column, const Batch& batch) override {
    const std::int64_t rows = batch.rows;
    Buffer values(static_cast<std::size_t>(rows) * sizeof(std::int64_t));
    auto* out = values.as<std::int64_t>();
    for (std::int64_t row = 0; row < rows; ++row)
      out[row] = column.valid(row) ? value(column, row, batch) : 0;
    return with_values(column, std::move(values));
  }

 private:
  std::int64_t value(const Column& column, std::int64_t row, const Batch& batch) const {
    if (type_ == DType::u64 && column.as<std::uint64_t>()[row] > std::uint64_t{INT64_MAX}) {
      fail_data("row {}: the label {} is too large for a class number", batch.number_of(row),
                column.as<std::uint64_t>()[row]);
    }
    if (type_ == DType::u64) return static_cast<std::int64_t>(column.as<std::uint64_t>()[row]);
    const double number = number_at(type_, column.data, row);
    if (is_float(type_) && !is_whole(number)) {
      throw data_error("row {}: column '{}': the label {} is not a whole number, and those before it were",
                       batch.number_of(row), printable(name_), number)
          .advise("; numbers to predict are a --target, not a --label");
    }
    return static_cast<std::int64_t>(number);
  }

  DType type_;
  std::string name_;
  Field field_;
};

class Categories : public TargetColumn {
 public:
  Categories(const Field& from, std::string trim_characters)
      : from_(from), trim_(std::move(trim_characters)), field_(y_field(from, DType::category, {})) {}
  const Field& field() const override { return field_; }

  Column convert(const Column& column, const Batch& batch) override {
    const std::int64_t rows = batch.rows;
    Buffer values(static_cast<std::size_t>(rows) * sizeof(std::int32_t));
    auto* out = values.as<std::int32_t>();
    if (from_.type == DType::category) {
      const auto& numbers = numbers_in(column.dictionary);
      for (std::int64_t row = 0; row < rows; ++row) {
        out[row] = column.valid(row) ? numbers[static_cast<std::size_t>(column.as<std::int32_t>()[row])] : 0;
      }
    } else {
      for (std::int64_t row = 0; row < rows; ++row) {
        if (column.valid(row)) refuse_rounded(from_, column, row, batch.number_of(row));
        out[row] = column.valid(row) ? texts_.index_of(stripped(value_text(from_, column, row))) : 0;
      }
    }
    Column y = with_values(column, std::move(values));
    y.dictionary = texts_.dictionary();
    return y;
  }

 private:
  std::string_view stripped(std::string_view text) const {
    const auto first = text.find_first_not_of(trim_);
    if (first == std::string_view::npos) return {};
    return trim_.empty() ? text : trim(text.substr(first, text.find_last_not_of(trim_) - first + 1));
  }

  // The new number of each text of `dictionary`, which mostly is the one of the batch before.
  const std::vector<std::int32_t>& numbers_in(const std::shared_ptr<const Dictionary>& dictionary) {
    if (dictionary != dictionary_) {
      if (!dictionary_ || !dictionary->continues(*dictionary_)) numbers_.clear();
      for (std::size_t i = numbers_.size(); i < dictionary->size(); ++i) {
        numbers_.push_back(texts_.index_of(stripped((*dictionary)[i])));
      }
      dictionary_ = dictionary;
    }
    return numbers_;
  }

  Field from_;
  std::string trim_;
  Field field_;
  GrowingDictionary texts_;
  std::shared_ptr<const Dictionary> dictionary_;
  std::vector<std::int32_t> numbers_;
};

void say_rounded(const std::string& column, double value) {
  warn("column '{}': {} and other whole numbers over 2^53 are rounded to the nearest 64-bit float",
       printable(column), value);
}

class Doubles : public TargetColumn {
 public:
  explicit Doubles(const Field& from) : type_(from.type), field_(y_field(from, DType::f64, from.shape)) {}
  const Field& field() const override { return field_; }

  Column convert(const Column& column, const Batch& batch) override {
    const std::int64_t rows = batch.rows;
    const std::int64_t count = rows * element_count(field_.shape);
    Buffer values(static_cast<std::size_t>(count) * sizeof(double));
    for (std::int64_t i = 0; i < count; ++i) {
      const std::optional<double> exact = exact_number_at(type_, column.data, i);
      const double value = values.as<double>()[i] = exact ? *exact : number_at(type_, column.data, i);
      if (!exact && !std::exchange(said_, true)) say_rounded(field_.name, value);
    }
    return with_values(column, std::move(values));
  }

 private:
  bool said_ = false;
  DType type_;
  Field field_;
};

bool all_whole(const Field& field, std::span<const ColumnSample> sample) {
  for (const auto& [column, rows] : sample) {
    for (std::int64_t row = 0; row < rows; ++row) {
      if (column->valid(row) && !is_whole(number_at(field.type, column->data, row))) return false;
    }
  }
  return true;
}

}  // namespace

void refuse_rounded(const Field& field, const Column& column, std::int64_t at, std::int64_t row) {
  if (!is_float(field.type)) return;
  const double value = number_at(field.type, column.data, at);
  if (std::abs(value) > 0x1p53 && std::isfinite(value)) {
    throw data_error(
        "row {}: column '{}': {} is a float or decimal of so many digits that others are read as the "
        "same number, and does not tell rows or classes apart",
        row, printable(field.name), value)
        .advise("; make the column one of text or of 64-bit integers where it is written");
  }
}

std::unique_ptr<TargetColumn> label_column(const Field& field, std::span<const ColumnSample> sample,
                                           const std::string& trim) {
  if (element_count(field.shape) != 1) {
    fail_data("column '{}' is a tensor {}: a label is one value a row", printable(field.name),
              to_string(field.shape));
  }
  if (field.type == DType::opaque) {
    fail_data("column '{}' is of type {}, which cannot be a label", printable(field.name),
              field.foreign_type);
  }
  if (field.type == DType::i64 && field.shape.empty())
    return std::make_unique<Unchanged>(y_field(field, DType::i64, {}));
  if (field.type == DType::category && trim.empty()) {
    return std::make_unique<Unchanged>(y_field(field, DType::category, {}));
  }
  if (is_number(field.type) && (!is_float(field.type) || all_whole(field, sample))) {
    return std::make_unique<WholeNumbers>(field);
  }
  return std::make_unique<Categories>(field, trim);
}

namespace {

void check_target(const Field& field) {
  if (is_number(field.type)) return;
  throw data_error("column '{}' holds {}", printable(field.name),
                   field.type == DType::opaque ? field.foreign_type : "text")
      .advise(": a --target is a number; classes are a --label");
}

}  // namespace

std::unique_ptr<TargetColumn> target_column(const Field& field) {
  check_target(field);
  if (field.type == DType::f64) return std::make_unique<Unchanged>(y_field(field, DType::f64, field.shape));
  return std::make_unique<Doubles>(field);
}

TargetColumns::TargetColumns(std::vector<Field> fields) : from_(std::move(fields)), rounded_(from_.size()) {
  std::vector<std::string> names;
  field_.nullable = false;
  for (const Field& field : from_) {
    check_target(field);
    if (element_count(field.shape) != 1) {
      fail_data("column '{}' is a tensor {}: of several targets each is one number a row",
                printable(field.name), to_string(field.shape));
    }
    names.push_back(field.name);
    field_.nullable = field_.nullable || field.nullable;
  }
  field_.name = "y";
  field_.type = DType::f64;
  field_.shape = {static_cast<std::int64_t>(from_.size())};
  set_element_names(field_, names);
  std::string together;
  for (const std::string& name : names) together += (together.empty() ? "" : ",") + name;
  field_.metadata.set("nn.source_name", std::move(together));
}

Column TargetColumns::convert(std::span<const Column* const> columns, std::int64_t rows) {
  struct Owned {
    Buffer values, validity;
  };
  auto owned = std::make_shared<Owned>();
  const std::size_t width = from_.size();
  owned->values = Buffer(static_cast<std::size_t>(rows) * width * sizeof(double));
  Column out;
  auto* values = owned->values.as<double>();
  out.data = owned->values.data();
  std::vector<std::int64_t> missing;
  for (std::int64_t row = 0; row < rows; ++row) {
    bool whole = true;
    for (std::size_t i = 0; i < width; ++i) {
      const bool valid = columns[i]->valid(row);
      const std::byte* const data = columns[i]->data;
      *values = std::numeric_limits<double>::quiet_NaN();
      if (valid) {
        const std::optional<double> exact = exact_number_at(from_[i].type, data, row);
        *values = exact ? *exact : number_at(from_[i].type, data, row);
        if (!exact && !rounded_[i]) {
          rounded_[i] = true;
          say_rounded(from_[i].name, *values);
        }
      }
      ++values;
      whole = whole && valid;
    }
    if (!whole) missing.push_back(row);
  }
  if (!missing.empty()) {
    const auto bytes = static_cast<std::size_t>(rows + 7) / 8;
    owned->validity = Buffer(bytes);
    auto* bits = owned->validity.as<std::uint8_t>();
    std::fill_n(bits, bytes, std::uint8_t{0xFF});
    for (const std::int64_t row : missing) {
      bits[row >> 3] = static_cast<std::uint8_t>(bits[row >> 3] & ~(1u << (row & 7)));
    }
    out.validity = bits;
  }
  out.owner = std::move(owned);
  return out;
}

}  // namespace nn::table
