#include "inference/v2_inputs.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "base/error.hpp"
#include "base/text.hpp"

namespace nn::inference {
namespace {

using Form = Signature::Form;

constexpr std::size_t most_extents = 16;

struct IntegerRange {
  std::int64_t least;
  std::uint64_t most;
};

template <typename T>
constexpr IntegerRange range_of() {
  return {static_cast<std::int64_t>(std::numeric_limits<T>::min()),
          static_cast<std::uint64_t>(std::numeric_limits<T>::max())};
}

std::optional<IntegerRange> integer_range(DataType type) {
  switch (type) {
    case DataType::uint8: return range_of<std::uint8_t>();
    case DataType::uint16: return range_of<std::uint16_t>();
    case DataType::uint32: return range_of<std::uint32_t>();
    case DataType::uint64: return range_of<std::uint64_t>();
    case DataType::int8: return range_of<std::int8_t>();
    case DataType::int16: return range_of<std::int16_t>();
    case DataType::int32: return range_of<std::int32_t>();
    case DataType::int64: return range_of<std::int64_t>();
    default: return std::nullopt;
  }
}

std::optional<double> integer_of(json::value& value, const IntegerRange& range) {
  std::uint64_t positive = 0;
  if (!value.get_uint64().get(positive)) {
    return positive <= range.most ? std::optional(static_cast<double>(positive)) : std::nullopt;
  }
  std::int64_t negative = 0;
  if (value.get_int64().get(negative) || negative < range.least) return std::nullopt;
  return static_cast<double>(negative);
}

// How many texts these are; add_raw() looks at them closely.
std::int64_t count_texts(std::string_view bytes) {
  std::int64_t count = 0;
  for (std::uint32_t length = 0; bytes.size() >= sizeof length; ++count) {
    std::memcpy(&length, bytes.data(), sizeof length);
    bytes.remove_prefix(std::min(sizeof length + length, bytes.size()));
  }
  return bytes.empty() ? count : count + 1;
}

}  // namespace

// Its parts come in any order.
struct V2Inputs::Input {
  std::optional<std::string_view> name;
  std::optional<DataType> type;
  bool has_shape = false, has_data = false, has_parameters = false;
  std::optional<std::uint64_t> binary_size;
};

void V2Inputs::read(json::value& value) {
  json::array list = json_.list(value, {"inputs"});
  for (auto result : list) {
    json::value element = json_.need<json::value>(std::move(result));
    const Place place{"inputs", inputs_};
    read_input(json_.object(element, place), place);
    ++inputs_;
  }
}

void V2Inputs::read_input(json::object object, const Place& place) {
  Input input;
  bool has_name = false, has_type = false, data_is_read = false;
  json_.each(object, [&](std::string_view key, json::value value) {
    if (key == "name") {
      once(has_name, key, place);
      input.name = json_.text(value, {place.root, place.index, key});
    } else if (key == "datatype") {
      once(has_type, key, place);
      const std::string_view name = json_.text(value, {place.root, place.index, key});
      input.type = parse_datatype(name);
      if (!input.type)
        throw data_error("invalid datatype '{}'", printable(name, 40)).within(to_string(place));
    } else if (key == "shape") {
      once(input.has_shape, key, place);
      read_shape(value, {place.root, place.index, key});
    } else if (key == "parameters") {
      once(input.has_parameters, key, place);
      read_parameters(value, input, place);
    } else if (key == "data") {
      once(input.has_data, key, place);
      // What its elements are may be said behind them.
      data_is_read = input.name && input.type && input.has_shape;
      if (data_is_read) read_data(value, input, {place.root, place.index, key});
    } else {
      json_.check(value);
    }
  });
  const std::string_view missing = !input.name        ? "name"
                                   : !input.type      ? "datatype"
                                   : !input.has_shape ? "shape"
                                                      : "";
  if (!missing.empty()) throw data_error("'{}' is missing", missing).within(to_string(place));
  if (input.has_data == input.binary_size.has_value()) {
    throw data_error("input '{}' must have either 'data' or 'binary_data_size' in 'parameters'",
                     printable(*input.name, 40))
        .within(to_string(place));
  }
  if (input.binary_size) return read_binary(input);
  if (data_is_read) return;
  json_.need(object.reset());
  json_.each(object, [&](std::string_view key, json::value value) {
    if (key == "data") read_data(value, input, {place.root, place.index, key});
  });
}

void V2Inputs::read_shape(json::value& value, const Place& place) {
  json::array list = json_.list(value, place);
  memory_.shape.clear();
  for (auto result : list) {
    json::value element = json_.need<json::value>(std::move(result));
    std::uint64_t extent = 0;
    if (element.get_uint64().get(extent) || extent > std::numeric_limits<std::int64_t>::max()) {
      json_.fail_type(element, "a dimension from 0 on", place);
    }
    if (memory_.shape.size() == most_extents) {
      throw data_error("more than {} dimensions", most_extents).within(to_string(place));
    }
    memory_.shape.push_back(static_cast<std::int64_t>(extent));
  }
}

void V2Inputs::read_parameters(json::value& value, Input& input, const Place& place) {
  json::object object = json_.object(value, {place.root, place.index, "parameters"});
  json_.each(object, [&](std::string_view key, json::value parameter) {
    const Place its{place.root, place.index, key};
    if (key == "binary_data_size") {
      if (input.binary_size) throw data_error("'{}' is there twice", key).within(to_string(place));
      input.binary_size = json_.count(parameter, its);
    } else if (key == "shared_memory_region") {
      throw data_error("shared memory is not supported").within(to_string(place));
    } else {
      json_.check(parameter);
    }
  });
}

CheckedInput V2Inputs::begin_input(const Input& input, bool binary) {
  const InputTensor tensor{*input.name, *input.type, memory_.shape};
  if (inputs_ == 0) form_ = form_of(signature_, tensor);
  const CheckedInput checked = check_input(signature_, form_, tensor);
  if (inputs_ == 0) {
    // Numbers of JSON have more digits than a float: they stay what they are in other files of text.
    rows_.begin(signature_, form_, binary ? tensor_type_of(form_, tensor.type) : DType::f64, most_bytes_);
    memory_.seen.assign(rows_.columns(), false);
    row_count_ = checked.rows;
    first_name_ = tensor.name;
  }
  if (memory_.seen[checked.column]) fail_data("input '{}' is there twice", printable(tensor.name, 40));
  memory_.seen[checked.column] = true;
  if (checked.rows != row_count_) {
    fail_data("input '{}' has {} rows, but '{}' has {}", printable(tensor.name, 40), checked.rows,
              printable(first_name_, 40), row_count_);
  }
  return checked;
}

void V2Inputs::read_binary(const Input& input) {
  const CheckedInput checked = begin_input(input, true);
  const std::size_t left = body_.size() - binary_at_;
  if (*input.binary_size > left) {
    fail_data("unexpected size for input '{}', expecting {} additional bytes", printable(*input.name, 40),
              *input.binary_size - left);
  }
  add_raw(rows_, checked, *input.type, body_.substr(binary_at_, *input.binary_size));
  binary_at_ += *input.binary_size;
}

void V2Inputs::read_data(json::value& value, const Input& input, const Place& place) {
  const CheckedInput checked = begin_input(input, false);
  if (*input.type == DataType::fp16 || *input.type == DataType::bf16) {
    throw data_error("elements of {} come as binary data only", name_of(*input.type))
        .within(to_string(place));
  }
  // An element takes two bytes at least, with its comma.
  if (checked.elements > static_cast<std::int64_t>(body_.size() / 2 + 1)) {
    throw data_error("the shape of '{}' says {} elements, but there are fewer", printable(*input.name, 40),
                     checked.elements)
        .within(to_string(place));
  }
  read_elements(value, *input.type, checked, place);
}

// Calls take(value) with what is no list, in order; lists may be nested in any way.
template <typename Take>
void V2Inputs::flatten(json::value& value, int depth, Take&& take, const Place& place) {
  if (depth > most_nested) {
    throw data_error("lists are nested in each other more than {} deep", most_nested)
        .within(to_string(place));
  }
  json::array list = json_.list(value, place);
  for (auto result : list) {
    json::value element = json_.need<json::value>(std::move(result));
    if (!take(element)) flatten(element, depth + 1, take, place);
  }
}

void V2Inputs::read_elements(json::value& value, DataType type, const CheckedInput& input,
                             const Place& place) {
  const auto count = input.elements;
  std::int64_t i = 0;
  const auto at = [&] { return Place{place.root, place.index, place.key, i}; };
  // Calls read(value) with elements up to `count`, and only counts those behind.
  const auto all = [&](auto&& read) {
    flatten(
        value, 1,
        [&](json::value& element) {
          if (json_.first(element) == '[') return false;
          i < count ? read(element) : json_.check(element);
          ++i;
          return true;
        },
        place);
  };
  if (type == DataType::bytes) {
    all([&](json::value& element) {
      if (json_.first(element) == '"') return rows_.add_text(input.column, json_.need(element.get_string()));
      if (json_.first(element) != 'n' || !json_.need(element.is_null()))
        json_.fail_type(element, "a text", at());
      rows_.add_missing(input.column);
    });
  } else {
    double* out = rows_.doubles(input.column, static_cast<std::size_t>(count)).data();
    if (const auto range = integer_range(type)) {
      all([&](json::value& element) {
        const auto number = integer_of(element, *range);
        if (!number) json_.fail_type(element, name_of(type), at());
        out[i] = *number;
      });
    } else if (type == DataType::boolean) {
      all([&](json::value& element) { out[i] = json_.boolean(element, at()) ? 1 : 0; });
    } else {
      // Among columns of numbers there may be missing ones.
      const JsonBody::NumberRule rule{.null = signature_.columns()[input.column].shape.empty()};
      flatten(
          value, 1,
          [&](json::value& element) {
            if (i < count && JsonBody::read_number(element, out[i])) [[likely]] {
              ++i;
              return true;
            }
            if (json_.first(element) == '[') return false;
            if (i < count) {
              out[i] = json_.number(element, rule, at());
            } else {
              json_.check(element);
            }
            ++i;
            return true;
          },
          place);
    }
  }
  if (i != count) {
    throw data_error("the shape of '{}' says {} elements, but there are {}",
                     printable(rows_.field(input.column).name, 40), count, i)
        .within(to_string(place));
  }
}

void V2Inputs::finish() {
  if (binary_at_ != body_.size()) {
    fail_data("unexpected additional input data: {} bytes behind the inputs", body_.size() - binary_at_);
  }
  const auto& columns = signature_.columns();
  if (form_ == Form::columns && static_cast<std::size_t>(inputs_) < columns.size()) {
    const bool matrix = inputs_ == 0 && signature_.form() == Form::matrix;
    std::size_t missing = 0;
    while (!matrix && inputs_ > 0 && memory_.seen[missing]) ++missing;
    fail_data("expected {} inputs but got {}: '{}' is missing", matrix ? 1 : columns.size(), inputs_,
              printable(matrix ? signature_.inputs()[0].name : columns[missing].name, 40));
  }
  rows_.finish(row_count_);
}

void V2Inputs::read_raw() {
  const auto& inputs = signature_.inputs();
  if (inputs.size() != 1) {
    fail_data("raw bytes can be a model's only input, but there are {}", inputs.size());
  }
  const TensorSpec& only = inputs[0];
  const std::int64_t width = element_count(only.shape);
  const auto row = static_cast<std::size_t>(width) * size_of(only.type);
  if (row > 0 && body_.size() % row != 0) {
    fail_data("input byte size mismatch for input '{}'. Expected {} for each row, got {} in all",
              printable(only.name, 40), row, body_.size());
  }
  const std::int64_t rows = row > 0 ? static_cast<std::int64_t>(body_.size() / row) : count_texts(body_);
  memory_.shape.assign(1, rows);
  memory_.shape.insert(memory_.shape.end(), only.shape.begin(), only.shape.end());
  Input input{.name = only.name, .type = only.type, .binary_size = body_.size()};
  read_binary(input);
  rows_.finish(rows);
}

}  // namespace nn::inference
