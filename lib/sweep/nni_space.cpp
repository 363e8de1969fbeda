#include "sweep/nni_space.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "base/text.hpp"
#include "search/space.hpp"

namespace nn::sweep {
namespace {

using Json = nlohmann::ordered_json;

constexpr double whole_numbers = 0x1p53;  // doubles up to here are exact

// A parameter before it has its final name.
struct Found {
  std::string name, long_name;  // the second one: with the choices that it depends on
  std::string distribution;     // "uniform:0:1"
  std::optional<std::size_t> parent;
  std::string choice;  // of the parent
};

bool is_whole(double value) { return value == std::floor(value) && std::abs(value) < whole_numbers; }

// The text of a choice, as a command gets it.
std::string text_of(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
  if (value.is_number_float()) return fmt::format("{}", value.get<double>());
  if (value.is_number_unsigned()) return fmt::format("{}", value.get<std::uint64_t>());
  if (value.is_number()) return fmt::format("{}", value.get<std::int64_t>());
  fail_data("a choice is a text, a number, true, false or an object with _name");
}

// A list that Space::parse() takes apart into the same values.
std::string list_of(const std::vector<std::string>& values) {
  const auto has = [&](const char* separators) {
    return std::any_of(values.begin(), values.end(), [&](const std::string& v) {
      return v.find_first_of(separators) != std::string::npos;
    });
  };
  for (const std::string& value : values) {
    if (value.empty() || trim(value) != value || value.find(';') != std::string::npos ||
        value.find(" if ") != std::string::npos || value.find('\n') != std::string::npos) {
      fail_data("the choice '{}' can't be one here: it is empty, or has a ';', ' if ' or space around it",
                printable(value));
    }
  }
  return has(",") ? fmt::format("{};", fmt::join(values, ";")) : fmt::format("{}", fmt::join(values, ","));
}

class Reader {
 public:
  void read(const Json& space, const std::string& prefix, std::optional<std::size_t> parent,
            const std::string& choice, std::size_t depth) {
    if (depth > max_nni_depth) fail_data("choices are nested deeper than {} times", max_nni_depth);
    for (const auto& [name, what] : space.items()) {
      if (name == "_name") continue;
      try {
        add(name, prefix, what, parent, choice, depth);
      } catch (const Error& error) {
        throw error.within(printable(name));
      }
    }
  }

  NniSpace take() {
    std::map<std::string, int> uses;
    for (const Found& one : found_) ++uses[one.name];
    for (Found& one : found_) {
      if (uses[one.name] == 1 || one.name == one.long_name) continue;
      out_.notes.push_back(fmt::format("{} is there several times: below {} it is {}", printable(one.name),
                                       printable(found_[*one.parent].name + "=" + one.choice),
                                       printable(one.long_name)));
      one.name = one.long_name;
    }
    for (const Found& one : found_) {
      std::string line = one.name + '=' + one.distribution;
      if (one.parent) line += fmt::format(" if {}={}", found_[*one.parent].name, one.choice);
      out_.lines.push_back(std::move(line));
    }
    return std::move(out_);
  }

 private:
  void add(const std::string& name, const std::string& prefix, const Json& what,
           std::optional<std::size_t> parent, const std::string& choice, std::size_t depth) {
    if (!what.is_object() || !what.contains("_type") || !what.contains("_value") ||
        !what["_type"].is_string() || !what["_value"].is_array()) {
      fail_data(R"({{"_type": "…", "_value": […]}} is expected)");
    }
    const std::string type = what["_type"].get<std::string>();
    const Json& value = what["_value"];
    const std::size_t place = found_.size();
    found_.push_back({name, prefix + name, "", parent, choice});
    if (type == "choice") return add_choice(place, value, depth);
    found_[place].distribution = numbers(type, value);
    if (type == "normal" || type == "lognormal") {
      out_.notes.push_back(fmt::format("{} is searched within four deviations of its mean", printable(name)));
    }
  }

  void add_choice(std::size_t place, const Json& values, std::size_t depth) {
    std::vector<std::string> texts;
    for (const Json& value : values) {
      if (!value.is_object()) {
        texts.push_back(text_of(value));
        continue;
      }
      if (!value.contains("_name") || !value["_name"].is_string())
        fail_data("a choice that is an object needs a _name");
      texts.push_back(value["_name"].get<std::string>());
      if (value.size() > 1 && texts.back().find(" and ") != std::string::npos)
        fail_data("the choice '{}' can't have parameters: it has ' and ' in it", printable(texts.back()));
    }
    if (texts.empty()) fail_data("it has no choices");
    found_[place].distribution = "choice:" + list_of(texts);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (values[i].is_object())
        read(values[i], fmt::format("{}_{}_", found_[place].long_name, texts[i]), place, texts[i], depth + 1);
    }
  }

  static std::string numbers(const std::string& type, const Json& value) {
    std::vector<double> v;
    for (const Json& number : value) {
      if (!number.is_number()) fail_data("{}: its _value is a list of numbers", printable(type));
      v.push_back(number.get<double>());
    }
    const bool quantised = type.starts_with('q');
    const bool known = type == "randint" || type == "uniform" || type == "quniform" || type == "loguniform" ||
                       type == "qloguniform" || type == "normal" || type == "qnormal" ||
                       type == "lognormal" || type == "qlognormal";
    if (!known) fail_data("'{}' is no type that is known", printable(type));
    if (v.size() != (quantised ? 3U : 2U))
      fail_data("{} has {} numbers in its _value, not {}", type, quantised ? 3 : 2, v.size());
    const double a = v[0], b = v[1];
    if (type == "randint") {
      if (!is_whole(a) || !is_whole(b) || a >= b)
        fail_data("randint needs whole numbers, [lower, upper), and one in it");
      return fmt::format("int:{}:{}", a, b - 1);
    }
    if (type == "quniform") {
      const double q = v[2];
      const auto is_multiple = [q](double x) { return std::abs(x / q - std::round(x / q)) < 1e-9; };
      if (!(q > 0) || !is_multiple(a) || !is_multiple(b)) {
        fail_data("quniform from {} to {} by {} can't be said here: NNI takes multiples of {} and both ends",
                  a, b, q, q);
      }
      return fmt::format("quniform:{}:{}:{}", a, b, q);
    }
    if (type == "qloguniform") {
      if (v[2] != 1 || !is_whole(a) || !is_whole(b)) {
        fail_data("qloguniform can only be said of whole numbers with a step of 1, not from {} to {} by {}",
                  a, b, v[2]);
      }
      return fmt::format("intlog:{}:{}", a, b);
    }
    if (quantised) fail_data("{} has no counterpart here", type);
    return fmt::format("{}:{}:{}", type, a, b);
  }

  std::vector<Found> found_;
  NniSpace out_;
};

}  // namespace

bool is_nni_space(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '{';
}

NniSpace parse_nni_space(std::string_view text) {
  if (text.size() > max_nni_bytes) fail_data("it has {} bytes; {} are taken", text.size(), max_nni_bytes);
  constexpr int max_levels = 4 * static_cast<int>(max_nni_depth);
  std::vector<std::set<std::string>> keys;
  const auto check = [&](int depth, Json::parse_event_t event, Json& value) {
    if (depth > max_levels) fail_data("it is nested deeper than {} levels", max_levels);
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.back().insert(value.get<std::string>()).second)
      fail_data("{} is there twice", printable(value.get<std::string>()));
    return true;
  };
  Json space;
  try {
    space = Json::parse(text, check);
  } catch (const Json::parse_error& error) {
    fail_data("not JSON, from byte {} on", error.byte);
  } catch (const Json::out_of_range&) {
    fail_data("a number is out of range");
  }
  Reader reader;
  reader.read(space, "", std::nullopt, "", 0);
  return reader.take();
}

}  // namespace nn::sweep
