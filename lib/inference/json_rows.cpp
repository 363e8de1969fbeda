#include "inference/json_rows.hpp"

#include <numeric>

#include "base/error.hpp"
#include "base/text.hpp"

namespace nn::inference {
namespace {

std::int64_t product(std::span<const std::int64_t> shape) {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

[[noreturn]] void fail_length(std::int64_t expected, std::int64_t got, std::string_view what,
                              const Place& place) {
  throw data_error("expected {} {}, got {}", expected, what, got).within(to_string(place));
}

}  // namespace

void JsonRows::numbers(json::array& list, std::int64_t count, JsonBody::NumberRule rule, double* out,
                       const Place& place) {
  std::int64_t i = 0;
  for (auto result : list) {
    json::value element = json_.need<json::value>(std::move(result));
    if (i >= count) {
      json_.check(element);
    } else if (!JsonBody::read_number(element, out[i])) [[unlikely]] {
      Place its = place;
      its.element = i;
      out[i] = json_.number(element, rule, its);
    }
    ++i;
  }
  if (i != count) fail_length(count, i, "numbers", place);
}

void JsonRows::fail_list(json::value& value, std::span<const std::int64_t> shape, const Place& place) const {
  const std::string expected =
      fmt::format("a list of {} {}", shape.front(), shape.size() == 1 ? "numbers" : "lists");
  double number = 0;
  if (!JsonBody::read_number(value, number)) json_.fail_type(value, expected, place);
  throw data_error("expected {}, got the number {}", expected, json_.token(value)).within(to_string(place));
}

void JsonRows::tensor(json::value& value, std::span<const std::int64_t> shape, JsonBody::NumberRule rule,
                      double* out, const Place& place) {
  if (shape.empty()) {
    *out = json_.number(value, rule, place);
    return;
  }
  if (json_.first(value) != '[') fail_list(value, shape, place);
  json::array list = json_.need(value.get_array());
  if (shape.size() == 1) return numbers(list, shape.front(), rule, out, place);
  const std::int64_t step = product(shape.subspan(1));
  std::int64_t i = 0;
  for (auto result : list) {
    json::value element = json_.need<json::value>(std::move(result));
    if (i < shape.front()) tensor(element, shape.subspan(1), rule, out + i * step, place);
    ++i;
  }
  if (i != shape.front()) fail_length(shape.front(), i, "lists", place);
}

std::optional<std::string_view> JsonRows::text(json::value& value, const Place& place) {
  switch (json_.first(value)) {
    case '"': return json_.need(value.get_string());
    case 'n':
      if (!json_.need(value.is_null())) json_.fail(simdjson::N_ATOM_ERROR);
      return std::nullopt;
    case '{': {
      json::object object = json_.need(value.get_object());
      const auto bytes = base64_.bytes(json_, object);
      if (!bytes)
        throw data_error("expected a text, got an object that is not a b64").within(to_string(place));
      if (!is_utf8(*bytes)) throw data_error("the text is not UTF-8").within(to_string(place));
      return bytes;
    }
    default: json_.fail_type(value, "a text", place);
  }
}

void JsonRows::scalar(json::value& value, Rows& rows, std::size_t column, const Place& place) {
  if (json_.first(value) == '[') {
    json::array list = json_.need(value.get_array());
    std::int64_t i = 0;
    for (auto result : list) {
      json::value element = json_.need<json::value>(std::move(result));
      if (i == 0 && json_.first(element) == '[') json_.fail_type(element, "one value", place);
      if (i++ == 0) scalar(element, rows, column, place);
    }
    if (i != 1) throw data_error("expected one value, got a list of {}", i).within(to_string(place));
    return;
  }
  if (is_text(rows.field(column).type)) {
    const auto its = text(value, place);
    return its ? rows.add_text(column, *its) : rows.add_missing(column);
  }
  rows.add_number(column, json_.number(value, {.null = true, .boolean = true}, place));
}

}  // namespace nn::inference
