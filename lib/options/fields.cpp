#include "options/fields.hpp"

#include <fmt/format.h>

#include <cmath>

#include "base/error.hpp"
#include "base/split_names.hpp"
#include "base/text.hpp"

namespace nn::options {

Field flag(bool& variable) {
  return {.kind = Kind::flag,
          .apply = [&variable](auto) { variable = true; },
          .show = [&variable] { return std::string(variable ? "on" : ""); }};
}

Field flag(std::function<void()> set) {
  return {.kind = Kind::flag, .apply = [set = std::move(set)](auto) { set(); }};
}

Field text(std::string& variable, std::vector<std::string_view> choices) {
  return {.choices = std::move(choices),
          .apply = [&variable](auto text) { variable = *text; },
          .show = [&variable] { return variable; }};
}

Field text(std::optional<std::string>& variable, std::vector<std::string_view> choices) {
  return {.choices = std::move(choices),
          .apply = [&variable](auto text) { variable = *text; },
          .show = [&variable] { return variable.value_or(""); }};
}

Field texts(std::vector<std::string>& variable) {
  return {.repeatable = true, .apply = [&variable](auto text) { variable.emplace_back(*text); }};
}

Field file(std::string& variable, std::string_view endings) {
  Field field = text(variable);
  field.kind = Kind::file;
  field.endings = endings;
  return field;
}

Field files(std::vector<std::string>& variable, std::string_view endings) {
  Field field = texts(variable);
  field.kind = Kind::file;
  field.endings = endings;
  return field;
}

Field folder(std::string& variable) {
  Field field = text(variable);
  field.kind = Kind::folder;
  return field;
}

Field members(std::vector<std::string>& variable) {
  Field field = texts(variable);
  field.kind = Kind::member;
  return field;
}

Field columns(std::vector<std::string>& variable) {
  return {.kind = Kind::columns, .repeatable = true, .apply = [&variable](auto text) {
            for (std::string& name : split_names(*text)) variable.push_back(std::move(name));
          }};
}

Field column(std::optional<std::string>& variable) {
  Field field = text(variable, {"last"});
  field.kind = Kind::column;
  return field;
}

Field condition(std::string& variable) {
  Field field = text(variable);
  field.apply = [&variable](auto text) {
    if (text->empty()) fail_usage("a condition is missing");
    variable = std::string(*text);
  };
  field.kind = Kind::column;
  return field;
}

Field joined_columns(std::optional<std::string>& variable) {
  Field field = column(variable);
  field.kind = Kind::columns;
  field.repeatable = true;
  field.apply = [&variable](auto text) {
    variable = variable ? *variable + "," + std::string(*text) : std::string(*text);
  };
  return field;
}

Field number(double& variable, Interval interval) {
  return {.overrules = true,
          .apply = [&variable, interval](auto text) { variable = parse_number_in(*text, interval); },
          .show = [&variable] { return show_number(variable); }};
}

Field bytes(std::uint64_t& variable, std::uint64_t (*parse)(std::string_view)) {
  return {.overrules = true,
          .apply = [&variable, parse](auto text) { variable = parse(*text); },
          .show = [&variable] { return show_bytes(variable); }};
}

Field seconds(double& variable) {
  return {.overrules = true,
          .apply = [&variable](auto text) { variable = parse_duration_s(*text); },
          .show = [&variable] { return show_seconds(variable); }};
}

Field milliseconds(std::chrono::milliseconds& variable) {
  return {.overrules = true,
          .apply =
              [&variable](auto text) {
                const double ms = parse_duration_s(*text) * 1000;
                variable = std::chrono::milliseconds(static_cast<std::int64_t>(ms));
              },
          .show = [&variable] { return show_seconds(static_cast<double>(variable.count()) / 1000); }};
}

Field numbers(std::vector<double>& list, std::function<std::string()> one, Interval interval) {
  return {.overrules = true,
          .apply =
              [&list, interval](auto text) {
                list.clear();
                for (const std::string& part : split(*text, ',')) {
                  list.push_back(parse_number_in(trim(part), interval));
                }
              },
          .show = [&list, one = std::move(one)] { return list.empty() ? one() : show_list(list); }};
}

Field counts(std::vector<std::uint64_t>& list, std::function<std::string()> one, std::int64_t least) {
  return {.overrules = true,
          .apply =
              [&list, least](auto text) {
                list.clear();
                for (const std::string& part : split(*text, ',')) {
                  list.push_back(static_cast<std::uint64_t>(parse_count(trim(part), least)));
                }
              },
          .show =
              [&list, one = std::move(one)] {
                return list.empty() ? one() : fmt::format("{}", fmt::join(list, ","));
              }};
}

std::string show_number(double value) {
  std::string text = fmt::format("{}", value);
  const auto zero = text.find("e-0");
  return zero == std::string::npos ? text : text.erase(zero + 2, 1);
}

std::string show_bytes(std::uint64_t bytes) {
  constexpr std::string_view units = "KMGT";
  std::size_t unit = 0;
  std::uint64_t count = bytes;
  while (unit < units.size() && count > 0 && count % 1024 == 0) {
    count /= 1024;
    ++unit;
  }
  return unit == 0 ? std::to_string(bytes) : fmt::format("{}{}", count, units[unit - 1]);
}

std::string show_seconds(double seconds) {
  const bool whole = seconds == std::floor(seconds);
  return whole || seconds >= 1 ? fmt::format("{}s", seconds) : fmt::format("{}ms", seconds * 1000);
}

std::string show_list(const std::vector<double>& values) { return fmt::format("{}", fmt::join(values, ",")); }

}  // namespace nn::options
