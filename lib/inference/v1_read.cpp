#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.hpp"
#include "base/text.hpp"
#include "inference/json_rows.hpp"
#include "inference/v1.hpp"

namespace nn::inference {
namespace {

using Form = Signature::Form;

// What the first row is, and so must all be.
enum class RowForm : std::uint8_t {
  matrix,        // [1,2,3]
  named_matrix,  // {"x":[1,2,3]}
  columns,       // {"age":41,"work":"a"}
  column         // 41, of a model with one column
};

struct Memory {
  JsonBody json;
  Base64 base64;
  std::vector<std::int64_t> seen;  // of each column, the last row that had it; -1: none
  Rows context;                    // what all examples have in common, as one row
  std::vector<std::size_t> context_columns;
};

class RequestReader {
 public:
  RequestReader(Memory& memory, const Signature& signature, Rows& rows, V1Request& request)
      : memory_(memory),
        json_(memory.json),
        elements_(memory.json, memory.base64),
        signature_(signature),
        rows_(rows),
        request_(request) {
    // Where nothing can stand for a missing number, null is an error.
    const bool tensors = signature.form() == Form::matrix && !signature.columns()[0].shape.empty();
    matrix_rule_ = {.null = !tensors, .boolean = false};
  }

  void predict(std::string_view body);
  void examples(std::string_view body);

 private:
  void read_signature(json::value& value);
  void instances(json::value& value);
  void inputs(json::value& value);

  // Rows.
  RowForm form_of(json::value& value, const Place& place);
  bool names_matrix(std::string_view key, bool nested) const;
  void begin(RowForm form);
  void read_row(json::value& value, RowForm form, std::int64_t row, const Place& place);
  void read_matrix(json::value& value, std::int64_t row, const Place& place);
  void read_named_matrix(json::object object, std::int64_t row, const Place& place);
  void read_columns(json::object object, std::int64_t row, const Place& place);
  void read_value(json::value& value, std::size_t column, std::int64_t row, const Place& place, Rows& rows);
  std::optional<std::size_t> column_named(std::string_view name, std::size_t expected) const;
  [[noreturn]] void fail_missing(std::int64_t row, fmt::format_string<std::string> text) const;

  // Columns.
  void input_list(json::value& value, const Place& place);
  std::int64_t matrix_rows(json::value& value, const Place& place);
  std::int64_t input_column(json::value& value, std::size_t column, const Place& place);
  void input_object(json::object object);
  void finish_inputs(std::int64_t rows);

  // Examples.
  void read_context(json::value& value);
  std::size_t add_context(std::int64_t row);
  void read_examples(json::value& value);

  bool one_column() const { return signature_.columns().size() == 1; }
  const std::string& matrix_name() const { return signature_.inputs()[0].name; }
  std::string columns_wanted() const;

  Memory& memory_;
  JsonBody& json_;
  JsonRows elements_;
  const Signature& signature_;
  Rows& rows_;
  V1Request& request_;
  bool examples_ = false;
  JsonBody::NumberRule matrix_rule_;
};

// "an object of age, work", for messages.
std::string RequestReader::columns_wanted() const {
  constexpr std::size_t shown = 4;
  std::string names;
  for (std::size_t c = 0; c < signature_.columns().size() && c < shown; ++c) {
    names += (c == 0 ? "" : ", ") + printable(signature_.columns()[c].name, 20);
  }
  if (signature_.columns().size() > shown) names += ", …";
  return "an object of " + names;
}

void RequestReader::read_signature(json::value& value) {
  using Name = V1Request::Signature;
  if (json_.first(value) != '"') fail_data("'signature_name' must be a string");
  const std::string_view name = json_.need(value.get_string());
  const bool classes = signature_.kind().classes;
  if (name.empty() || name == "serving_default") {
    request_.signature = Name::serving_default;
  } else if (name == "all" && request_.verb == V1Verb::predict) {
    request_.signature = Name::all;
  } else if (name == "classify" && classes && request_.verb != V1Verb::regress) {
    request_.signature = Name::classify;
  } else if (name == "regress" && !classes && request_.verb != V1Verb::classify) {
    request_.signature = Name::regress;
  } else {
    std::string there = request_.verb == V1Verb::predict ? "serving_default, all" : "serving_default";
    if (classes && request_.verb != V1Verb::regress) there += ", classify";
    if (!classes && request_.verb != V1Verb::classify) there += ", regress";
    fail_data("Serving signature name: \"{}\" not found in signature def (there are {})", printable(name, 40),
              there);
  }
}

void RequestReader::predict(std::string_view body) {
  json::object root = json_.open(body);
  bool has_instances = false, has_inputs = false, has_signature = false;
  json_.each(root, [&](std::string_view key, json::value value) {
    if (key == "instances" || key == "inputs") {
      const bool rows = key == "instances";
      if (std::exchange(rows ? has_instances : has_inputs, true)) fail_data("'{}' is there twice", key);
      if (has_instances && has_inputs) {
        fail_data("both 'instances' and 'inputs' are there, expecting only one of them");
      }
      request_.by_column = !rows;
      if (rows) return instances(value);
      return inputs(value);
    }
    if (key != "signature_name") return json_.check(value);
    if (std::exchange(has_signature, true)) fail_data("'signature_name' is there twice");
    read_signature(value);
  });
  json_.close();
  if (!has_instances && !has_inputs) fail_data("Missing 'inputs' or 'instances' key");
}

// ---- rows

// Does this key name the matrix, and not a column of that name? `nested`: its value is nested as deep as the
// matrix is there, and a column isn't.
bool RequestReader::names_matrix(std::string_view key, bool nested) const {
  if (signature_.form() != Form::matrix || key != matrix_name()) return false;
  return nested || !signature_.columns()[0].shape.empty() || !signature_.find_column(key);
}

RowForm RequestReader::form_of(json::value& value, const Place& place) {
  const bool matrix = signature_.form() == Form::matrix;
  const bool scalar = one_column() && signature_.columns()[0].shape.empty();
  const char first = json_.first(value);
  if (first == '[' && matrix) return RowForm::matrix;
  if (first == '{') {
    const JsonBody::Peeked peeked = json_.peek(value);
    if (names_matrix(peeked.key, peeked.first == '[')) return RowForm::named_matrix;
    return scalar && peeked.key == "b64" && signature_.columns()[0].name != "b64" ? RowForm::column
                                                                                  : RowForm::columns;
  }
  if (scalar) return RowForm::column;
  if (!matrix) json_.fail_type(value, columns_wanted(), place);
  json_.fail_type(value, fmt::format("a list of {}", signature_.inputs()[0].shape[0]), place);
}

void RequestReader::begin(RowForm form) {
  const bool matrix = form == RowForm::matrix || form == RowForm::named_matrix;
  rows_.begin(signature_, matrix ? Form::matrix : Form::columns, DType::f64);
  if (form == RowForm::columns) memory_.seen.assign(signature_.columns().size(), -1);
}

void RequestReader::instances(json::value& value) {
  if (json_.first(value) != '[') json_.fail_type(value, "a list", {"instances"});
  json::array list = json_.need(value.get_array());
  RowForm form{};
  std::int64_t row = 0;
  for (auto result : list) {
    json::value element = json_.need<json::value>(std::move(result));
    const Place place{"instances", row};
    if (row == 0) begin(form = form_of(element, place));
    read_row(element, form, row++, place);
  }
  if (row == 0) fail_data("No values in 'instances': expected a list of rows");
  rows_.finish(row);
}

void RequestReader::read_row(json::value& value, RowForm form, std::int64_t row, const Place& place) {
  switch (form) {
    case RowForm::matrix: return read_matrix(value, row, place);
    case RowForm::named_matrix:
      if (json_.first(value) != '{') json_.fail_type(value, "an object as in the first row", place);
      return read_named_matrix(json_.need(value.get_object()), row, place);
    case RowForm::columns:
      if (json_.first(value) != '{') json_.fail_type(value, columns_wanted(), place);
      return read_columns(json_.need(value.get_object()), row, place);
    case RowForm::column: return elements_.scalar(value, rows_, 0, place);
  }
}

void RequestReader::read_matrix(json::value& value, std::int64_t row, const Place& place) {
  const auto width = static_cast<std::size_t>(signature_.matrix_width());
  const auto begin = static_cast<std::size_t>(row) * width;
  const auto doubles = rows_.doubles(0, begin + width);
  elements_.tensor(value, signature_.inputs()[0].shape, matrix_rule_, doubles.data() + begin, place);
}

void RequestReader::read_named_matrix(json::object object, std::int64_t row, const Place& place) {
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

// Clients write columns in the model's order, mostly: the one behind the last is looked at first.
std::optional<std::size_t> RequestReader::column_named(std::string_view name, std::size_t expected) const {
  const auto& columns = signature_.columns();
  if (expected < columns.size() && columns[expected].name == name) return expected;
  return signature_.find_column(name);
}

void RequestReader::read_value(json::value& value, std::size_t column, std::int64_t row, const Place& place,
                               Rows& rows) {
  const TensorSpec& its = signature_.columns()[column];
  if (its.shape.empty()) return elements_.scalar(value, rows, column, place);
  const auto count = static_cast<std::size_t>(element_count(its.shape));
  const auto begin = static_cast<std::size_t>(row) * count;
  const auto doubles = rows.doubles(column, begin + count);
  elements_.tensor(value, its.shape, {}, doubles.data() + begin, place);
}

void RequestReader::read_columns(json::object object, std::int64_t row, const Place& place) {
  std::size_t count = 0, next = 0;
  json_.each(object, [&](std::string_view key, json::value value) {
    const auto column = column_named(key, next);
    if (!column) {
      if (examples_) return json_.check(value);
      throw data_error("the model has no column '{}', keys must be equal to its columns", printable(key, 40))
          .within(to_string(place));
    }
    if (std::exchange(memory_.seen[*column], row) == row) {
      throw data_error("'{}' is there twice", printable(key, 40)).within(to_string(place));
    }
    next = *column + 1;
    ++count;
    read_value(value, *column, row, {place.root, place.index, key}, rows_);
  });
  if (examples_) count += add_context(row);
  if (count == signature_.columns().size()) return;
  try {
    fail_missing(row, "'{}' is missing (null stands for a missing value)");
  } catch (const Error& error) {
    throw error.within(to_string(place));
  }
}

// Names the first column that this row hasn't.
void RequestReader::fail_missing(std::int64_t row, fmt::format_string<std::string> text) const {
  const auto has = [&](std::int64_t seen) { return row < 0 ? seen >= 0 : seen == row; };
  const auto missing = std::find_if_not(memory_.seen.begin(), memory_.seen.end(), has) - memory_.seen.begin();
  fail_data(text, printable(signature_.columns()[static_cast<std::size_t>(missing)].name, 40));
}

// ---- columns

void RequestReader::inputs(json::value& value) {
  const Place place{"inputs"};
  if (json_.first(value) == '{') {
    const JsonBody::Peeked peeked = json_.peek(value);
    const bool scalar = one_column() && signature_.columns()[0].shape.empty();
    if (!scalar || peeked.key != "b64" || signature_.columns()[0].name == "b64") {
      return input_object(json_.need(value.get_object()));
    }
  }
  input_list(value, place);
}

// The value of the only input, without its name: a list of rows, or of elements where the model has one
// column.
void RequestReader::input_list(json::value& value, const Place& place) {
  if (one_column() && signature_.columns()[0].shape.empty()) {
    rows_.begin(signature_, Form::columns, DType::f64);
    return finish_inputs(input_column(value, 0, place));
  }
  if (signature_.form() != Form::matrix) json_.fail_type(value, columns_wanted(), place);
  begin(RowForm::matrix);
  finish_inputs(matrix_rows(value, place));
}

std::int64_t RequestReader::matrix_rows(json::value& value, const Place& place) {
  if (json_.first(value) != '[') json_.fail_type(value, "a list of rows", place);
  json::array list = json_.need(value.get_array());
  std::int64_t row = 0;
  for (auto result : list) {
    json::value element = json_.need<json::value>(std::move(result));
    read_matrix(element, row, {place.root, row, place.key});
    ++row;
  }
  return row;
}

// Appends all elements of a column; a value without a list is one. Returns how many there are.
std::int64_t RequestReader::input_column(json::value& value, std::size_t column, const Place& place) {
  const TensorSpec& its = signature_.columns()[column];
  if (json_.first(value) != '[' && its.shape.empty()) {
    elements_.scalar(value, rows_, column, place);
    return 1;
  }
  if (json_.first(value) != '[') json_.fail_type(value, "a list of rows", place);
  json::array list = json_.need(value.get_array());
  std::int64_t row = 0;
  for (auto result : list) {
    json::value element = json_.need<json::value>(std::move(result));
    read_value(element, column, row, {place.root, row, place.key}, rows_);
    ++row;
  }
  return row;
}

// The first name that is known says whether it is the matrix or columns; others are ignored.
void RequestReader::input_object(json::object object) {
  enum { nothing, matrix, columns } found = nothing;
  std::size_t next = 0, count = 0;
  std::int64_t rows = -1;
  json_.each(object, [&](std::string_view key, json::value value) {
    const Place place{"inputs", -1, key};
    if (found != columns && names_matrix(key, json_.begins_list_of_lists(value))) {
      if (found == matrix) fail_data("inputs: '{}' is there twice", printable(key, 40));
      found = matrix;
      begin(RowForm::matrix);
      rows = matrix_rows(value, place);
      return;
    }
    const auto column = found == matrix ? std::nullopt : column_named(key, next);
    if (!column) return json_.check(value);
    if (std::exchange(found, columns) == nothing) begin(RowForm::columns);
    if (std::exchange(memory_.seen[*column], 0) == 0)
      fail_data("inputs: '{}' is there twice", printable(key, 40));
    next = *column + 1;
    ++count;
    const std::int64_t its_rows = input_column(value, *column, place);
    if (rows < 0) rows = its_rows;
  });
  if (found == nothing) begin(RowForm::columns);
  if (found != matrix && count < signature_.columns().size())
    fail_missing(-1, "Missing named input: {} in 'inputs' object");
  finish_inputs(rows);
}

void RequestReader::finish_inputs(std::int64_t rows) {
  try {
    rows_.finish(rows);
  } catch (const Error& error) {
    throw error.within("inputs");
  }
}

// ---- examples

void RequestReader::examples(std::string_view body) {
  examples_ = true;
  memory_.context_columns.clear();
  json::object root = json_.open(body);
  bool has_examples = false, has_context = false, has_signature = false;
  request_.signature = V1Request::Signature::serving_default;
  // What all examples have in common may stand behind them: they are read when the rest is.
  json_.each(root, [&](std::string_view key, json::value value) {
    if (key == "examples") {
      if (std::exchange(has_examples, true)) fail_data("'examples' is there twice");
    } else if (key == "context") {
      if (std::exchange(has_context, true)) fail_data("'context' is there twice");
      read_context(value);
    } else if (key == "signature_name") {
      if (std::exchange(has_signature, true)) fail_data("'signature_name' is there twice");
      read_signature(value);
    } else {
      json_.check(value);
    }
  });
  json_.close();
  if (!has_examples) fail_data("Missing 'examples' key");
  json_.need(root.reset());
  for (auto result : root) {
    json::field field = json_.need<json::field>(std::move(result));
    if (json_.key(field) == "examples") return read_examples(field.value());
  }
}

void RequestReader::read_context(json::value& value) {
  if (json_.first(value) != '{') json_.fail_type(value, "an object", {"context"});
  json::object object = json_.need(value.get_object());
  memory_.context.begin(signature_, Form::columns, DType::f64);
  memory_.context_columns.clear();
  memory_.seen.assign(signature_.columns().size(), -1);
  json_.each(object, [&](std::string_view key, json::value element) {
    const auto column = signature_.find_column(key);
    if (!column) return json_.check(element);
    if (std::exchange(memory_.seen[*column], 0) == 0)
      fail_data("context: '{}' is there twice", printable(key, 40));
    read_value(element, *column, 0, {"context", -1, key}, memory_.context);
    memory_.context_columns.push_back(*column);
  });
}

// Columns that the example doesn't have itself. Returns how many these were.
std::size_t RequestReader::add_context(std::int64_t row) {
  std::size_t count = 0;
  for (const std::size_t column : memory_.context_columns) {
    if (std::exchange(memory_.seen[column], row) == row) continue;
    rows_.add_first_of(memory_.context, column);
    ++count;
  }
  return count;
}

void RequestReader::read_examples(json::value& value) {
  if (json_.first(value) != '[') json_.fail_type(value, "a list", {"examples"});
  json::array list = json_.need(value.get_array());
  RowForm form{};
  std::int64_t row = 0;
  for (auto result : list) {
    json::value element = json_.need<json::value>(std::move(result));
    const Place place{"examples", row};
    if (json_.first(element) != '{') json_.fail_type(element, "an object", place);
    if (row == 0) begin(form = form_of(element, place));
    read_row(element, form, row++, place);
  }
  if (row == 0) fail_data("No values in 'examples': expected a list of objects");
  rows_.finish(row);
}

}  // namespace

struct V1Reader::State : Memory {};

V1Reader::V1Reader() : state_(std::make_unique<State>()) {}
V1Reader::~V1Reader() = default;
V1Reader::V1Reader(V1Reader&&) noexcept = default;
V1Reader& V1Reader::operator=(V1Reader&&) noexcept = default;

void V1Reader::read(std::string_view body, V1Verb verb, const Signature& signature, Rows& rows,
                    V1Request& request) {
  request = {.verb = verb};
  if (verb == V1Verb::classify && !signature.kind().classes)
    fail_data("the model answers numbers, not classes");
  if (verb == V1Verb::regress && signature.kind().classes)
    fail_data("the model answers classes, not numbers");
  RequestReader reader(*state_, signature, rows, request);
  if (verb == V1Verb::predict) return reader.predict(body);
  reader.examples(body);
}

}  // namespace nn::inference
