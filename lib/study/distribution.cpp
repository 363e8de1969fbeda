#include "study/distribution.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/json_cursor.hpp"
#include "base/json_lines.hpp"
#include "study/line.hpp"

namespace nn::study {
namespace {

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

struct Attributes {
  bool has_low = false, has_high = false, log = false;
  double low = 0, high = 0, step = 0;
  std::vector<search::Choice> choices;
};

search::Choice read_choice(JsonCursor& json) {
  const bool is_text = json.peek() == '"';
  const std::string_view before = json.rest();
  if (!is_text) {
    const std::string_view value = json.skip();
    return {std::string(value), std::string(value)};
  }
  const std::string_view text = json.string();
  const std::size_t size = before.size() - json.rest().size();
  return {std::string(text), std::string(before.substr(0, size))};
}

bool read_attribute(std::string_view key, JsonCursor& json, Attributes& to) {
  if (key == "low") {
    to.low = json.number();
    to.has_low = true;
  } else if (key == "high") {
    to.high = json.number();
    to.has_high = true;
  } else if (key == "step") {
    to.step = json.take_null() ? 0 : json.number();
  } else if (key == "log") {
    to.log = json.boolean();
  } else if (key == "choices") {
    to.choices.clear();
    json.array([&] { to.choices.push_back(read_choice(json)); });
  } else {
    return false;
  }
  return true;
}

std::optional<search::Parameter> make_number(std::string_view name, const Attributes& from, bool whole) {
  const bool right = from.has_low && from.has_high && from.low <= from.high && std::isfinite(from.low) &&
                     std::isfinite(from.high) && from.step >= 0 && std::isfinite(from.step) &&
                     (!from.log || from.low > 0);
  if (!right) return std::nullopt;
  search::Parameter parameter;
  parameter.name = name;
  parameter.low = from.low;
  parameter.high = from.high;
  using search::ParameterKind;
  if (whole) {
    parameter.kind = from.log ? ParameterKind::intlog : ParameterKind::integer;
    parameter.step = std::max(from.step, 1.0);
  } else {
    parameter.kind = from.log         ? ParameterKind::loguniform
                     : from.step != 0 ? ParameterKind::quniform
                                      : ParameterKind::uniform;
    parameter.step = from.step;
  }
  return parameter;
}

// Python has 1, 1.0 and True as equal.
std::optional<double> number_of(std::string_view json) {
  if (json == "true") return 1;
  if (json == "false") return 0;
  if (json.empty() || json[0] == '"' || json == "null") return std::nullopt;
  if (json == "NaN") return nothing;
  double value = 0;
  const auto read = std::from_chars(json.data(), json.data() + json.size(), value);
  if (read.ec == std::errc() && read.ptr == json.data() + json.size()) return value;
  return std::nullopt;
}

bool are_equal(const search::Choice& a, const search::Choice& b) {
  if (a.json == b.json) return true;
  const bool texts = a.json.starts_with('"') && b.json.starts_with('"');
  if (texts) return a.text == b.text;
  const auto left = number_of(a.json), right = number_of(b.json);
  return left && right && (*left == *right || (std::isnan(*left) && std::isnan(*right)));
}

// A number is also the text that somebody typed: 1.0 is 1.
double value_of_text(const search::Parameter& to, const search::Choice& choice) {
  auto value = to.value_of(choice.text);
  const auto number = number_of(choice.json);
  if (!value && number && choice.json != "true" && choice.json != "false")
    value = to.value_of(fmt::format("{}", *number));
  return value.value_or(nothing);
}

enum class Class { real, whole, categorical };
Class class_of(const search::Parameter& parameter) {
  if (parameter.has_choices()) return Class::categorical;
  const bool whole =
      parameter.kind == search::ParameterKind::integer || parameter.kind == search::ParameterKind::intlog;
  return whole ? Class::whole : Class::real;
}

}  // namespace

std::optional<search::Parameter> parse_distribution(std::string_view name, std::string_view json) {
  std::deque<std::string> unescaped;
  JsonCursor cursor(json, unescaped, max_nesting);
  std::string_view kind;
  Attributes attributes;
  cursor.object([&](std::string_view key) {
    if (key == "name" || key == "type") {
      kind = cursor.string();
    } else if (key == "attributes") {
      cursor.object([&](std::string_view inner) {
        if (!read_attribute(inner, cursor, attributes)) cursor.skip();
      });
    } else if (!read_attribute(key, cursor, attributes)) {
      cursor.skip();
    }
  });
  if (!cursor.ok() || !cursor.at_end()) return std::nullopt;
  if (kind == "FloatDistribution" || kind == "float") return make_number(name, attributes, false);
  if (kind == "IntDistribution" || kind == "int") return make_number(name, attributes, true);
  // Those of Optuna before 3.0, which its journals never had, but other stores that became journals.
  if (kind == "UniformDistribution" || kind == "DiscreteUniformDistribution") {
    return make_number(name, attributes, false);
  }
  if ((kind == "CategoricalDistribution" || kind == "categorical") && !attributes.choices.empty()) {
    search::Parameter parameter;
    parameter.name = name;
    parameter.kind = search::ParameterKind::choice;
    parameter.choices = std::move(attributes.choices);
    return parameter;
  }
  return std::nullopt;
}

std::string distribution_json(const search::Parameter& parameter) {
  if (parameter.has_choices()) {
    std::string choices;
    for (const search::Choice& choice : parameter.choices) {
      choices += (choices.empty() ? "" : ", ") + choice.json;
    }
    return fmt::format(R"({{"name": "CategoricalDistribution", "attributes": {{"choices": [{}]}}}})",
                       choices);
  }
  const char* log = parameter.is_log() ? "true" : "false";
  if (class_of(parameter) == Class::whole) {
    return fmt::format(
        R"({{"name": "IntDistribution", "attributes": {{"log": {}, "step": {:.0f}, "low": {:.0f}, "high": {:.0f}}}}})",
        log, parameter.is_log() ? 1 : std::max(parameter.step, 1.0), parameter.low, parameter.high);
  }
  const std::string step = parameter.step > 0 ? json_number(parameter.step) : "null";
  return fmt::format(
      R"({{"name": "FloatDistribution", "attributes": {{"step": {}, "low": {}, "high": {}, "log": {}}}}})",
      step, json_number(parameter.low), json_number(parameter.high), log);
}

bool are_compatible(const search::Parameter& a, const search::Parameter& b) {
  if (class_of(a) != class_of(b) || a.is_log() != b.is_log()) return false;
  return a.choices.size() == b.choices.size() &&
         std::equal(a.choices.begin(), a.choices.end(), b.choices.begin(), are_equal);
}

ValueMap::ValueMap(const search::Parameter& from, const search::Parameter& to) : to_(to) {
  if (!from.has_choices()) {
    as_text_ = to.has_choices();
    if (as_text_) from_ = from;
    return;
  }
  for (const search::Choice& choice : from.choices) {
    const auto found = std::find_if(to.choices.begin(), to.choices.end(),
                                    [&](const search::Choice& c) { return are_equal(c, choice); });
    choices_.push_back(found != to.choices.end() ? static_cast<double>(found - to.choices.begin())
                                                 : value_of_text(to, choice));
  }
}

double ValueMap::operator()(double value) const {
  if (!choices_.empty()) {
    const bool is_place = value >= 0 && value < static_cast<double>(choices_.size());
    return is_place ? choices_[static_cast<std::size_t>(value)] : nothing;
  }
  if (as_text_) return to_.value_of(from_.text_of(value)).value_or(nothing);
  return to_.contains(value) ? value : nothing;
}

}  // namespace nn::study
