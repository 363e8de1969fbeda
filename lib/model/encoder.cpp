#include "model/encoder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "model/number_rule.hpp"
#include "model/values.hpp"
#include "tensor/column_choice.hpp"
#include "tensor/column_roles.hpp"

namespace nn::model {
namespace {

bool is_reserved(const std::string& name) { return has_role(name); }

// The table's columns, for the message that one is missing.
std::string list_columns(const Schema& schema) {
  constexpr std::size_t shown = 8;
  std::string out;
  for (std::size_t i = 0; i < schema.fields.size() && i < shown; ++i) {
    out += (i == 0 ? "" : ", ") + printable(schema.fields[i].name, 30);
  }
  if (schema.fields.size() > shown) out += fmt::format(", … {} in all", schema.fields.size());
  return out.empty() ? "no columns" : out;
}

// c0, c1, …: the names that a table without a header line gets.
bool is_positional(const std::string& name) {
  return name.size() >= 2 && name[0] == 'c' &&
         std::all_of(name.begin() + 1, name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string describe(const Field& field);

// Numbers that came together, but are too few or too many.
void check_matrix(const Schema& schema, const std::vector<InputColumn>& needed) {
  const auto x = schema.find("x");
  if (!x || !is_number(schema.fields[*x].type) || schema.fields[*x].shape.empty()) return;
  const auto number = [](const InputColumn& input) { return input.kind == InputColumn::Kind::number; };
  if (!std::all_of(needed.begin(), needed.end(), number)) return;
  const Error error = data_error("{} holds {} in this table, but the model needs {} numbers",
                                 column_name("x"), describe(schema.fields[*x]), needed.size());
  throw first_feature_of(schema.fields[*x]) ? error.advise("; is it --features {}?", needed.size()) : error;
}

[[noreturn]] void fail_missing(const Schema& schema, const std::vector<InputColumn>& needed,
                               const InputColumn& input) {
  check_matrix(schema, needed);
  const Error error = data_error("the table has no {}, which the model needs (it has: {})",
                                 column_name(input.name), list_columns(schema));
  std::vector<std::string> names;
  for (const Field& field : schema.fields) names.push_back(field.name);
  const bool model_positional = std::all_of(
      needed.begin(), needed.end(), [](const InputColumn& column) { return is_positional(column.name); });
  const bool table_positional = std::any_of(names.begin(), names.end(), is_positional);
  if (model_positional && !table_positional) {
    throw error.advise("; it was trained on a table without a header line: is --no-header missing?");
  }
  if (table_positional && !model_positional) {
    throw error.advise("; is the header line of the table missing?");
  }
  if (const auto meant = closest(input.name, names); meant && !is_positional(*meant)) {
    throw error.advise("; is it '{}'?", printable(*meant));
  }
  throw error;
}

// A model of one tensor takes the table's only tensor whatever it is called: images have
// no names of their own, and readers of different formats call them differently.
std::optional<std::size_t> only_tensor(const Schema& schema, const std::vector<InputColumn>& needed) {
  if (needed.size() != 1 || needed[0].kind != InputColumn::Kind::tensor) return std::nullopt;
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < schema.fields.size(); ++i) {
    const Field& field = schema.fields[i];
    if (is_reserved(field.name) || field.shape.empty() || !is_number(field.type)) continue;
    if (found) return std::nullopt;
    found = i;
  }
  return found;
}

// A model whose columns are all numbers takes them together.
std::optional<std::size_t> matrix_of(const Schema& schema, const ColumnNames& names,
                                     const std::vector<InputColumn>& needed) {
  std::vector<std::string_view> columns;
  for (const InputColumn& input : needed) {
    if (input.kind != InputColumn::Kind::number) return std::nullopt;
    columns.push_back(input.name);
  }
  return find_matrix(schema, names, columns);
}

std::size_t find_column(const Schema& schema, const ColumnNames& names,
                        const std::vector<InputColumn>& needed, const InputColumn& input) {
  const auto found = names.named(input.name);
  if (found.empty()) {
    const auto tensor = only_tensor(schema, needed);
    if (!tensor) fail_missing(schema, needed, input);
    note("{} is taken for the model's {}", column_name(schema.fields[*tensor].name), column_name(input.name));
    return *tensor;
  }
  if (found.size() > 1) {
    fail_data("the table has more than one {}, so it is not clear which one the model means",
              column_name(input.name));
  }
  return found.front().second;
}

std::string describe(const Field& field) {
  if (field.type == DType::opaque) return fmt::format("type {}", printable(field.foreign_type));
  if (is_text(field.type)) return "text";
  if (field.shape.empty()) return fmt::format("numbers ({})", name_of(field.type));
  return fmt::format("tensors {} of {}", to_string(field.shape), name_of(field.type));
}

std::string describe(const InputColumn& input) {
  switch (input.kind) {
    case InputColumn::Kind::number: return "numbers";
    case InputColumn::Kind::category:
      return fmt::format("text, one of {} categories", input.categories.size());
    case InputColumn::Kind::tensor: return fmt::format("tensors {}", to_string(input.shape));
  }
  return {};
}

// Rows that don't say what is 0 fit whatever their width.
bool are_sparse(const Field& field, const InputColumn& input) {
  return first_feature_of(field) && input.shape.size() == 1;
}

bool fits(const Field& field, const InputColumn& input) {
  const bool scalar_number = is_number(field.type) && field.shape.empty();
  switch (input.kind) {
    // A column whose cells are all empty has no type of its own, and readers guess one;
    // encode() makes sure that it is empty.
    case InputColumn::Kind::number: return scalar_number || (is_text(field.type) && field.nullable);
    case InputColumn::Kind::category:
      return is_text(field.type) || (scalar_number && field.nullable) ||
             (scalar_number && field.type == DType::boolean && are_truths(input.categories));
    case InputColumn::Kind::tensor:
      return is_number(field.type) && (field.shape == input.shape || are_sparse(field, input));
  }
  return false;
}

void check_fits(const Field& field, const InputColumn& input) {
  if (fits(field, input)) return;
  const Error error = data_error("{} holds {} in this table, but the model needs {}", column_name(field.name),
                                 describe(field), describe(input));
  if (input.kind == InputColumn::Kind::category && is_number(field.type) && field.shape.empty()) {
    throw error.advise("; --text keeps numbers as text");
  }
  if (input.kind == InputColumn::Kind::number && is_text(field.type)) {
    throw error.advise("; --missing names what stands for a missing value");
  }
  throw error;
}

// "feature 7", "3 features, 7 to 9"
std::string list_features(std::int64_t first, std::int64_t count) {
  if (count == 1) return fmt::format("feature {}", first);
  return fmt::format("{} features, {} to {},", count, first, first + count - 1);
}

}  // namespace

// How sparse rows become those of the model, by the indices of their elements. A model that learned from
// other rows doesn't say where it counts from: as the table does.
std::optional<BoundEncoder::Binding::Overlap> BoundEncoder::Binding::overlap_of(const Field& field,
                                                                                const InputColumn& input) {
  if (!are_sparse(field, input)) return std::nullopt;
  const std::int64_t table_width = field.shape[0], width = input.shape[0];
  const int table_first = *first_feature_of(field), first = input.first_feature.value_or(table_first);
  if (table_width == width && table_first == first) return std::nullopt;
  const std::int64_t from = std::max(first - table_first, 0), to = std::max(table_first - first, 0);
  const std::int64_t count = std::max<std::int64_t>(std::min(table_width - from, width - to), 0);
  if (const std::int64_t unknown = table_width - from - count; unknown > 0) {
    warn("{}: {} {} in this table, of which the model knows nothing: left out", column_name(field.name),
         list_features(table_first + from + count, unknown), unknown == 1 ? "is" : "are");
  }
  if (from > 0) {
    warn("{}: feature 0 is in this table, of which the model knows nothing: left out",
         column_name(field.name));
  }
  return Overlap{table_width, from, to, count};
}

std::int64_t InputColumn::width() const {
  switch (kind) {
    case Kind::category: return static_cast<std::int64_t>(categories.size());
    case Kind::tensor: return element_count(shape);
    case Kind::number: return 1;
  }
  return 0;
}

Encoder::Encoder(std::vector<InputColumn> columns)
    : columns_(std::make_shared<const std::vector<InputColumn>>(std::move(columns))) {
  if (std::any_of(columns_->begin(), columns_->end(),
                  [](const auto& column) { return column.kind == InputColumn::Kind::category; }))
    unknown_ = std::make_shared<UnknownCounts>(columns_->size());
}

std::int64_t Encoder::width() const {
  std::int64_t width = 0;
  for (const InputColumn& column : *columns_) width += column.width();
  return width;
}

std::vector<InputSegment> Encoder::segments() const {
  std::vector<InputSegment> segments;
  for (const InputColumn& column : *columns_)
    segments.push_back({column.width(), column.kind == InputColumn::Kind::category});
  return segments;
}

Shape Encoder::input_shape() const {
  if (columns_->size() == 1 && columns_->front().kind == InputColumn::Kind::tensor) {
    return columns_->front().shape;
  }
  return {width()};
}

BoundEncoder Encoder::bind(const Schema& schema) const {
  BoundEncoder bound;
  bound.inputs_ = columns_;
  bound.unknown_ = unknown_;
  const ColumnNames names(schema);
  if (const auto position = matrix_of(schema, names, *columns_)) {
    BoundEncoder::Matrix matrix{*position, schema.fields[*position].type, {}, {}, {}};
    for (const InputColumn& input : *columns_) {
      const NumberRule rule = rule_of(input);
      matrix.fill.push_back(rule.fill);
      matrix.offset.push_back(rule.offset);
      matrix.scale.push_back(rule.scale);
    }
    bound.matrix_ = std::make_shared<const BoundEncoder::Matrix>(std::move(matrix));
    bound.width_ = width();
    return bound;
  }
  for (const InputColumn& input : *columns_) {
    const std::size_t column = find_column(schema, names, *columns_, input);
    const Field& field = schema.fields[column];
    check_fits(field, input);
    if (input.kind == InputColumn::Kind::tensor && input.scale.size() == 1 && is_float(field.type)) {
      warn(
          "{}: the model learned from bytes and divides them by 255; the floats of this table are taken as "
          "0 to 255, too",
          column_name(field.name));
    }
    bound.bindings_.push_back(
        {column, field.type, &input, bound.width_, BoundEncoder::Binding::overlap_of(field, input)});
    bound.overlaps_ = bound.overlaps_ || bound.bindings_.back().overlap;
    bound.width_ += input.width();
  }
  return bound;
}

}  // namespace nn::model
