#include <utility>

#include "base/error.hpp"
#include "base/text.hpp"
#include "inference/v1.hpp"
#include "inference/v1_rows.hpp"

namespace nn::inference {
namespace {

using Form = V1Rows::Form;

class RequestReader {
 public:
  RequestReader(V1Rows::Memory& memory, JsonBody& json, const Signature& signature, Rows& rows,
                V1Request& request, std::uint64_t most_bytes)
      : json_(json),
        table_(memory, json, signature, rows, request.verb != V1Verb::predict, most_bytes),
        signature_(signature),
        rows_(rows),
        request_(request) {}

  void predict(std::string_view body);
  void examples(std::string_view body);

 private:
  void read_signature(json::value& value);
  void read_rows(json::value& value, std::string_view key);

  // Columns.
  void inputs(json::value& value);
  void input_list(json::value& value, const Place& place);
  void input_object(json::object object);
  template <typename Read>
  std::int64_t each_row(json::value& value, const Place& place, Read&& read);
  std::int64_t matrix_rows(json::value& value, const Place& place);
  std::int64_t input_column(json::value& value, std::size_t column, const Place& place);
  void finish_inputs(std::int64_t rows);

  JsonBody& json_;
  V1Rows table_;
  const Signature& signature_;
  Rows& rows_;
  V1Request& request_;
};

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
      if (rows) return read_rows(value, key);
      return inputs(value);
    }
    if (key != "signature_name") return json_.check(value);
    if (std::exchange(has_signature, true)) fail_data("'signature_name' is there twice");
    read_signature(value);
  });
  json_.close();
  if (!has_instances && !has_inputs) fail_data("Missing 'inputs' or 'instances' key");
}

void RequestReader::examples(std::string_view body) {
  json::object root = json_.open(body);
  bool has_examples = false, has_context = false, has_signature = false;
  request_.signature = V1Request::Signature::serving_default;
  // What all examples have in common may stand behind them: they are read when the rest is.
  json_.each(root, [&](std::string_view key, json::value value) {
    if (key == "examples") {
      if (std::exchange(has_examples, true)) fail_data("'examples' is there twice");
    } else if (key == "context") {
      if (std::exchange(has_context, true)) fail_data("'context' is there twice");
      table_.read_context(value);
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
    if (json_.key(field) == "examples") {
      json::value value = field.value();
      return read_rows(value, "examples");
    }
  }
}

// A list of rows, all of the first one's form.
void RequestReader::read_rows(json::value& value, std::string_view key) {
  const bool objects = request_.verb != V1Verb::predict;
  if (json_.first(value) != '[') json_.fail_type(value, "a list", {key});
  json::array list = json_.need(value.get_array());
  Form form{};
  std::int64_t row = 0;
  for (auto result : list) {
    json::value element = json_.need<json::value>(std::move(result));
    const Place place{key, row};
    if (objects && json_.first(element) != '{') json_.fail_type(element, "an object", place);
    if (row == 0) table_.begin(form = table_.form_of(element, place));
    table_.read(element, form, row++, place);
  }
  if (row == 0) fail_data("No values in '{}': expected a list of {}", key, objects ? "objects" : "rows");
  rows_.finish(row);
}

// ---- columns

void RequestReader::inputs(json::value& value) {
  const Place place{"inputs"};
  if (json_.first(value) == '{') {
    const JsonBody::Peeked peeked = json_.peek(value);
    if (!table_.one_scalar() || peeked.key != "b64" || signature_.columns()[0].name == "b64") {
      return input_object(json_.need(value.get_object()));
    }
  }
  input_list(value, place);
}

// The value of the only input, without its name: a list of rows, or of elements where the model has one
// column.
void RequestReader::input_list(json::value& value, const Place& place) {
  if (table_.one_scalar()) {
    table_.begin(Form::column);
    return finish_inputs(input_column(value, 0, place));
  }
  if (signature_.form() != Signature::Form::matrix) json_.fail_type(value, table_.columns_wanted(), place);
  table_.begin(Form::matrix);
  finish_inputs(matrix_rows(value, place));
}

// Calls read(element, row, place) with each of a list. Returns how many there are.
template <typename Read>
std::int64_t RequestReader::each_row(json::value& value, const Place& place, Read&& read) {
  if (json_.first(value) != '[') json_.fail_type(value, "a list of rows", place);
  json::array list = json_.need(value.get_array());
  std::int64_t row = 0;
  for (auto result : list) {
    json::value element = json_.need<json::value>(std::move(result));
    read(element, row, Place{place.root, row, place.key});
    ++row;
  }
  return row;
}

std::int64_t RequestReader::matrix_rows(json::value& value, const Place& place) {
  return each_row(value, place, [&](json::value& element, std::int64_t row, const Place& its) {
    table_.read_matrix(element, row, its);
  });
}

// Appends all elements of a column; a value without a list is one. Returns how many there are.
std::int64_t RequestReader::input_column(json::value& value, std::size_t column, const Place& place) {
  if (json_.first(value) != '[' && signature_.columns()[column].shape.empty()) {
    table_.read_column(value, column, 0, place);
    return 1;
  }
  return each_row(value, place, [&](json::value& element, std::int64_t row, const Place& its) {
    table_.read_column(element, column, row, its);
  });
}

// The first name that is known says whether it is the matrix or columns; others are ignored.
void RequestReader::input_object(json::object object) {
  enum { nothing, matrix, columns } found = nothing;
  std::size_t next = 0, count = 0;
  std::int64_t rows = -1;
  json_.each(object, [&](std::string_view key, json::value value) {
    const Place place{"inputs", -1, key};
    if (found != columns && table_.names_matrix(key, json_.begins_list_of_lists(value))) {
      if (found == matrix) fail_data("inputs: '{}' is there twice", printable(key, 40));
      found = matrix;
      table_.begin(Form::matrix);
      rows = matrix_rows(value, place);
      return;
    }
    const auto column = found == matrix ? std::nullopt : table_.column_named(key, next);
    if (!column) return json_.check(value);
    if (std::exchange(found, columns) == nothing) table_.begin(Form::columns);
    if (!table_.note(*column, 0)) fail_data("inputs: '{}' is there twice", printable(key, 40));
    next = *column + 1;
    ++count;
    const std::int64_t its_rows = input_column(value, *column, place);
    if (rows < 0) rows = its_rows;
  });
  if (found == nothing) table_.begin(Form::columns);
  if (found != matrix && count < signature_.columns().size())
    table_.fail_missing(-1, "Missing named input: {} in 'inputs' object");
  finish_inputs(rows);
}

void RequestReader::finish_inputs(std::int64_t rows) {
  try {
    rows_.finish(rows);
  } catch (const Error& error) {
    throw error.within("inputs");
  }
}

}  // namespace

struct V1Reader::State {
  JsonBody json;
  V1Rows::Memory rows;
};

V1Reader::V1Reader(std::uint64_t most_bytes) : most_bytes_(most_bytes), state_(std::make_unique<State>()) {}
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
  const JsonBody::Open open(state_->json);
  RequestReader reader(state_->rows, state_->json, signature, rows, request, most_bytes_);
  if (verb == V1Verb::predict) return reader.predict(body);
  reader.examples(body);
}

}  // namespace nn::inference
