// Spaces as people write them.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <tuple>
#include <utility>

#include "base/error.hpp"
#include "base/json_lines.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"
#include "search/grid.hpp"
#include "search/space.hpp"

namespace nn::search {
namespace {

constexpr double deviations = 4;          // of a normal distribution that are searched
constexpr double whole_numbers = 0x1p53;  // doubles up to here are exact

// A list is separated by ';' where there is one, for values that have commas.
std::vector<std::string> split_list(std::string_view text) {
  const char separator = text.find(';') != std::string_view::npos ? ';' : ',';
  std::vector<std::string> words = split(text, separator);
  if (separator == ';' && words.back().empty()) words.pop_back();  // "1,2;" is a list of one
  for (std::string& word : words) word = std::string(trim(word));
  return words;
}

double whole(std::string_view text) {
  const double value = parse_number(text);
  if (value != std::floor(value) || std::abs(value) > whole_numbers) {
    fail_usage("'{}' is not a whole number", printable(text));
  }
  return value;
}

struct Range {
  double low, high;
};
Range range(const std::vector<std::string>& words, double (*parse)(std::string_view)) {
  const Range range{parse(words[0]), parse(words[1])};
  if (range.low > range.high) {
    fail_usage("the range is empty: {} is over {}", printable(words[0]), printable(words[1]));
  }
  return range;
}

// What stands behind the kind, for messages.
std::string_view form_of(ParameterKind kind) {
  switch (kind) {
    case ParameterKind::uniform:
    case ParameterKind::loguniform:
    case ParameterKind::intlog: return "LOW:HIGH";
    case ParameterKind::quniform: return "LOW:HIGH:STEP";
    case ParameterKind::integer: return "LOW:HIGH or LOW:HIGH:STEP";
    case ParameterKind::normal:
    case ParameterKind::lognormal: return "MEAN:DEVIATION";
    case ParameterKind::choice:
    case ParameterKind::ordinal: return "VALUE,VALUE,…";
    case ParameterKind::constant: return "VALUE";
  }
  return "";
}

void parse_choices(Parameter& p, std::string_view text) {
  const bool list = p.kind != ParameterKind::constant;
  for (std::string& word : list ? split_list(text) : std::vector<std::string>{std::string(text)}) {
    const bool twice =
        std::any_of(p.choices.begin(), p.choices.end(), [&](const Choice& c) { return c.text == word; });
    if (twice) fail_usage("'{}' is there twice", printable(word));
    if (word.empty() && list) fail_usage("a value is empty");
    std::string json = json_quoted(word);
    p.choices.push_back({std::move(word), std::move(json)});
  }
}

void parse_numbers(Parameter& p, std::string_view text) {
  const std::vector<std::string> words = split(text, ':');
  const bool may_step = p.kind == ParameterKind::quniform || p.kind == ParameterKind::integer;
  const std::size_t least = p.kind == ParameterKind::quniform ? 3 : 2;
  if (words.size() < least || words.size() > (may_step ? 3U : 2U)) {
    fail_usage("'{}': {}:{} is expected", printable(text), enum_names(p.kind).name_of(p.kind),
               form_of(p.kind));
  }
  if (p.kind == ParameterKind::normal || p.kind == ParameterKind::lognormal) {
    p.mean = parse_number(words[0]);
    p.deviation = parse_number_in(words[1], interval::positive);
    p.low = p.mean - deviations * p.deviation;
    p.high = p.mean + deviations * p.deviation;
    if (p.kind == ParameterKind::lognormal) {
      p.low = std::exp(p.low);
      p.high = std::exp(p.high);
      if (!std::isfinite(p.high))
        fail_usage("'{}': it is of the logarithm; this is out of range", printable(text));
    }
    return;
  }
  const bool is_whole = p.kind == ParameterKind::integer || p.kind == ParameterKind::intlog;
  std::tie(p.low, p.high) = [&] {
    const Range r = range(words, is_whole ? whole : parse_number);
    return std::pair(r.low, r.high);
  }();
  if (p.kind == ParameterKind::loguniform && p.low <= 0) fail_usage("a logarithm needs a range over 0");
  if (p.kind == ParameterKind::intlog && p.low < 1)
    fail_usage("a logarithm of whole numbers needs a range from 1");
  if (is_whole) p.step = 1;
  if (words.size() == 3) {
    p.step = is_whole ? whole(words[2]) : parse_number(words[2]);
    if (p.step <= 0) fail_usage("'{}': a step must be over 0", printable(words[2]));
  }
  if (p.step > 0) p.high = grid_end(p.low, p.high, p.step);
}

struct Line {
  Parameter parameter;
  std::string condition;
};

Line parse_line(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos) {
    fail_usage("'{}': NAME=DISTRIBUTION is expected, as lr=loguniform:1e-4:1e-1", printable(text));
  }
  Line line;
  line.parameter.name = std::string(trim(text.substr(0, equals)));
  std::string_view rest = text.substr(equals + 1);
  if (const auto at = rest.rfind(" if "); at != std::string_view::npos) {
    line.condition = std::string(trim(rest.substr(at + 4)));
    rest = rest.substr(0, at);
  }
  rest = trim(rest);
  try {
    const auto colon = rest.find(':');
    Parameter& p = line.parameter;
    p.kind = enum_names(p.kind).parse(rest.substr(0, colon));
    if (colon == std::string_view::npos) {
      fail_usage("{}:{} is expected", enum_names(p.kind).name_of(p.kind), form_of(p.kind));
    }
    const std::string_view values = rest.substr(colon + 1);
    if (p.is_categorical() || p.kind == ParameterKind::ordinal) {
      parse_choices(p, values);
    } else {
      parse_numbers(p, values);
    }
  } catch (const Error& error) {
    throw error.within(printable(line.parameter.name));
  }
  return line;
}

Condition parse_condition(std::string_view text, const std::vector<Parameter>& parameters) {
  const std::size_t end = std::min(text.find_first_of(" =!<>"), text.size());
  const std::string_view name = text.substr(0, end);
  std::string_view rest = trim(text.substr(end));
  const auto found =
      std::find_if(parameters.begin(), parameters.end(), [&](const Parameter& p) { return p.name == name; });
  if (found == parameters.end()) {
    std::vector<std::string_view> names;
    names.reserve(parameters.size());
    for (const Parameter& p : parameters) names.push_back(p.name);
    fail_unknown_name(name, "a parameter", names);
  }
  const auto after = [&rest](std::string_view sign) {
    if (!rest.starts_with(sign)) return false;
    rest = trim(rest.substr(sign.size()));
    return true;
  };
  Condition condition{static_cast<std::size_t>(found - parameters.begin()), Condition::Is::one_of, {}};
  std::vector<std::string> words;
  if (after("in ")) {
    words = split_list(rest);
  } else {
    if (after("!=")) {
      condition.is = Condition::Is::none_of;
    } else if (after("<")) {
      condition.is = Condition::Is::below;
    } else if (after(">")) {
      condition.is = Condition::Is::above;
    } else if (!after("=")) {
      fail_usage("'{}': NAME=VALUE, !=, <, > or NAME in A,B is expected", printable(text));
    }
    words = {std::string(rest)};
  }
  const bool compares = condition.is == Condition::Is::below || condition.is == Condition::Is::above;
  if (compares && found->is_categorical()) {
    fail_usage("'{}': the values of {} have no order; say {} in A,B, or make it ordinal", printable(text),
               name, name);
  }
  for (const std::string& word : words) {
    if (compares && !found->has_choices()) {
      condition.values.push_back(parse_number(word));  // it need not be a value of it
      continue;
    }
    const auto value = found->value_of(word);
    if (!value) fail_usage("'{}' is not a value of {}", printable(word), name);
    condition.values.push_back(*value);
  }
  std::sort(condition.values.begin(), condition.values.end());
  return condition;
}

std::vector<Condition> parse_conditions(std::string_view text, const std::vector<Parameter>& parameters) {
  constexpr std::string_view between = " and ";
  std::vector<Condition> conditions;
  for (bool more = true; more;) {
    const auto at = text.find(between);
    more = at != std::string_view::npos;
    conditions.push_back(parse_condition(trim(text.substr(0, at)), parameters));
    if (more) text.remove_prefix(at + between.size());
  }
  std::sort(conditions.begin(), conditions.end(), [](const Condition& a, const Condition& b) {
    return std::tie(a.parameter, a.is, a.values) < std::tie(b.parameter, b.is, b.values);
  });
  return conditions;
}

std::string joined(const std::vector<std::string>& words) {
  const bool commas = std::any_of(words.begin(), words.end(),
                                  [](const std::string& w) { return w.find(',') != std::string::npos; });
  // A list of one that has a comma still needs a separator to be one.
  return fmt::format("{}{}", fmt::join(words, commas ? ";" : ","), commas && words.size() == 1 ? ";" : "");
}

}  // namespace

Space Space::parse(const std::vector<std::string>& lines, const std::vector<std::string>& forbidden) {
  std::vector<Parameter> parameters;
  std::vector<std::string> conditions;
  for (const std::string& text : lines) {
    Line line = parse_line(text);
    parameters.push_back(std::move(line.parameter));
    conditions.push_back(std::move(line.condition));
  }
  for (std::size_t p = 0; p < parameters.size(); ++p) {
    if (conditions[p].empty()) continue;
    try {
      parameters[p].conditions = parse_conditions(conditions[p], parameters);
    } catch (const Error& error) {
      throw error.within(fmt::format("{}: if {}", printable(parameters[p].name), printable(conditions[p])));
    }
  }
  std::vector<std::vector<Condition>> together;
  together.reserve(forbidden.size());
  for (const std::string& text : forbidden) together.push_back(parse_conditions(text, parameters));
  return {std::move(parameters), std::move(together)};
}

std::string to_string(const std::vector<Condition>& conditions, const Space& space) {
  std::vector<std::string> texts;
  for (const Condition& c : conditions) {
    const Parameter& parent = space.parameters()[c.parameter];
    std::vector<std::string> values;
    for (const double value : c.values) values.push_back(parent.text_of(value));
    const bool one = values.size() == 1;
    if (c.is == Condition::Is::one_of && !one) {
      texts.push_back(fmt::format("{} in {}", parent.name, joined(values)));
      continue;
    }
    const std::string_view sign = c.is == Condition::Is::one_of    ? "="
                                  : c.is == Condition::Is::none_of ? "!="
                                  : c.is == Condition::Is::below   ? "<"
                                                                   : ">";
    texts.push_back(fmt::format("{}{}{}", parent.name, sign, values[0]));
  }
  return fmt::format("{}", fmt::join(texts, " and "));
}

std::string to_string(const Parameter& p, const Space& space) {
  const auto number = [&p](double value) {
    return p.has_choices() ? fmt::format("{}", value) : p.text_of(value);
  };
  std::string values;
  switch (p.kind) {
    case ParameterKind::normal:
    case ParameterKind::lognormal: values = fmt::format("{}:{}", number(p.mean), number(p.deviation)); break;
    case ParameterKind::constant: values = p.choices[0].text; break;
    case ParameterKind::choice:
    case ParameterKind::ordinal: {
      std::vector<std::string> words;
      for (const Choice& choice : p.choices) words.push_back(choice.text);
      values = joined(words);
      break;
    }
    default:
      values = fmt::format("{}:{}", number(p.low), number(p.high));
      if (p.kind == ParameterKind::quniform || (p.kind == ParameterKind::integer && p.step != 1)) {
        values += fmt::format(":{}", number(p.step));
      }
  }
  return fmt::format("{}={}:{}{}", p.name, enum_names(p.kind).name_of(p.kind), values,
                     p.conditions.empty() ? "" : " if " + to_string(p.conditions, space));
}

}  // namespace nn::search
