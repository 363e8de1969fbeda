#include "inference/v1_rows.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/text.hpp"

namespace nn::inference {

V1Rows::V1Rows(Memory& memory, JsonBody& json, const Signature& signature, Rows& rows, bool examples,
               std::uint64_t most_bytes)
    : memory_(memory),
      json_(json),
      elements_(json, memory.base64),
      signature_(signature),
      rows_(rows),
      examples_(examples),
      most_bytes_(most_bytes) {
  // Where nothing can stand for a missing number, null is an error.
  const bool tensors = signature.form() == Signature::Form::matrix && !signature.columns()[0].shape.empty();
  matrix_rule_ = {.null = !tensors, .boolean = false};
  memory_.context_columns.clear();
}

bool V1Rows::one_scalar() const {
  return signature_.columns().size() == 1 && signature_.columns()[0].shape.empty();
}

std::string V1Rows::columns_wanted() const {
  constexpr std::size_t shown = 4;
  std::string names;
  for (std::size_t c = 0; c < signature_.columns().size() && c < shown; ++c) {
    names += (c == 0 ? "" : ", ") + printable(signature_.columns()[c].name, 20);
  }
  if (signature_.columns().size() > shown) names += ", …";
  return "an object of " + names;
}

bool V1Rows::names_matrix(std::string_view key, bool nested) const {
  if (signature_.form() != Signature::Form::matrix || key != matrix_name()) return false;
  return nested || !signature_.columns()[0].shape.empty() || !signature_.find_column(key);
}

V1Rows::Form V1Rows::form_of(json::value& value, const Place& place) const {
  const bool matrix = signature_.form() == Signature::Form::matrix;
  const bool scalar = one_scalar();
  const char first = json_.first(value);
  if (first == '[' && matrix) return Form::matrix;
  if (first == '{') {
    const JsonBody::Peeked peeked = json_.peek(value);
    if (names_matrix(peeked.key, peeked.first == '[')) return Form::named_matrix;
    return scalar && peeked.key == "b64" && signature_.columns()[0].name != "b64" ? Form::column
                                                                                  : Form::columns;
  }
  if (scalar) return Form::column;
  if (!matrix) json_.fail_type(value, columns_wanted(), place);
  elements_.fail_list(value, signature_.inputs()[0].shape, place);
}

void V1Rows::begin(Form form) {
  const bool matrix = form == Form::matrix || form == Form::named_matrix;
  rows_.begin(signature_, matrix ? Signature::Form::matrix : Signature::Form::columns, DType::f64,
              most_bytes_);
  if (form == Form::columns) memory_.seen.assign(signature_.columns().size(), -1);
}

void V1Rows::read(json::value& value, Form form, std::int64_t row, const Place& place) {
  switch (form) {
    case Form::matrix: return read_matrix(value, row, place);
    case Form::named_matrix:
      if (json_.first(value) != '{') json_.fail_type(value, "an object as in the first row", place);
      return read_named_matrix(json_.need(value.get_object()), row, place);
    case Form::columns:
      if (json_.first(value) != '{') json_.fail_type(value, columns_wanted(), place);
      return read_columns(json_.need(value.get_object()), row, place);
    case Form::column: return elements_.scalar(value, rows_, 0, place);
  }
}

void V1Rows::read_matrix(json::value& value, std::int64_t row, const Place& place) {
  const auto width = static_cast<std::size_t>(signature_.matrix_width());
  const auto begin = static_cast<std::size_t>(row) * width;
  const auto doubles = rows_.doubles(0, begin + width);
  elements_.tensor(value, signature_.inputs()[0].shape, matrix_rule_, doubles.data() + begin, place);
}

void V1Rows::read_named_matrix(json::object object, std::int64_t row, const Place& place) {
  bool found = false;
  json_.each(object, [&](std::string_view key, json::value value) {
    if (key != matrix_name() || std::exchange(found, true)) {
      if (!examples_) {
        throw data_error("keys must be equal to: {}; there is '{}'{}", printable(matrix_name(), 40),
                         printable(key, 40), found && key == matrix_name() ? " twice" : "")
            .within(to_string(place));
      }
      return json_.check(value);
    }
    read_matrix(value, row, {place.root, place.index, key});
  });
  if (!found) throw data_error("'{}' is missing", printable(matrix_name(), 40)).within(to_string(place));
}

std::optional<std::size_t> V1Rows::column_named(std::string_view name, std::size_t expected) const {
  const auto& columns = signature_.columns();
  if (expected < columns.size() && columns[expected].name == name) return expected;
  return signature_.find_column(name);
}

void V1Rows::read_element(json::value& value, std::size_t column, std::int64_t row, const Place& place,
                          Rows& rows) {
  const TensorSpec& its = signature_.columns()[column];
  if (its.shape.empty()) return elements_.scalar(value, rows, column, place);
  const auto count = static_cast<std::size_t>(element_count(its.shape));
  const auto begin = static_cast<std::size_t>(row) * count;
  const auto doubles = rows.doubles(column, begin + count);
  elements_.tensor(value, its.shape, {}, doubles.data() + begin, place);
}

bool V1Rows::note(std::size_t column, std::int64_t row) {
  return std::exchange(memory_.seen[column], row) != row;
}

void V1Rows::read_column(json::value& value, std::size_t column, std::int64_t row, const Place& place) {
  read_element(value, column, row, place, rows_);
}

void V1Rows::read_columns(json::object object, std::int64_t row, const Place& place) {
  std::size_t count = 0, next = 0;
  json_.each(object, [&](std::string_view key, json::value value) {
    const auto column = column_named(key, next);
    if (!column) {
      if (examples_) return json_.check(value);
      throw data_error("the model has no column '{}', keys must be equal to its columns", printable(key, 40))
          .within(to_string(place));
    }
    if (!note(*column, row)) {
      throw data_error("'{}' is there twice", printable(key, 40)).within(to_string(place));
    }
    next = *column + 1;
    ++count;
    read_element(value, *column, row, {place.root, place.index, key}, rows_);
  });
  if (examples_) count += add_context(row);
  if (count == signature_.columns().size()) return;
  try {
    fail_missing(row, "'{}' is missing (null stands for a missing value)");
  } catch (const Error& error) {
    throw error.within(to_string(place));
  }
}

void V1Rows::fail_missing(std::int64_t row, fmt::format_string<std::string> text) const {
  const auto has = [&](std::int64_t seen) { return row < 0 ? seen >= 0 : seen == row; };
  const auto& seen = memory_.seen;
  const bool any = std::any_of(seen.begin(), seen.end(), has);
  const auto missing = std::find_if_not(seen.begin(), seen.end(), has) - seen.begin();
  const bool matrix = !any && signature_.form() == Signature::Form::matrix;
  fail_data(
      text,
      printable(matrix ? matrix_name() : signature_.columns()[static_cast<std::size_t>(missing)].name, 40));
}

void V1Rows::read_context(json::value& value) {
  if (json_.first(value) != '{') json_.fail_type(value, "an object", {"context"});
  json::object object = json_.need(value.get_object());
  memory_.context.begin(signature_, Signature::Form::columns, DType::f64);
  memory_.context_columns.clear();
  memory_.seen.assign(signature_.columns().size(), -1);
  json_.each(object, [&](std::string_view key, json::value element) {
    const auto column = signature_.find_column(key);
    if (!column) return json_.check(element);
    if (!note(*column, 0)) fail_data("context: '{}' is there twice", printable(key, 40));
    read_element(element, *column, 0, {"context", -1, key}, memory_.context);
    memory_.context_columns.push_back(*column);
  });
}

// Columns that the example doesn't have itself. Returns how many these were.
std::size_t V1Rows::add_context(std::int64_t row) {
  std::size_t count = 0;
  for (const std::size_t column : memory_.context_columns) {
    if (!note(column, row)) continue;
    rows_.add_first_of(memory_.context, column);
    ++count;
  }
  return count;
}

}  // namespace nn::inference
