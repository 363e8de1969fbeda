// Makers of fields: how values of each kind are read and shown. All refer to the variable.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/enum_names.hpp"
#include "base/numbers.hpp"
#include "options/option.hpp"

namespace nn::options {

// Endings of files, for completions. Compressed ones, .gz and .zst, are meant as well.
inline constexpr std::string_view model_files = ".nn";
inline constexpr std::string_view data_files =
    ".csv .tsv .tab .jsonl .ndjson .json .npy .npz .idx -ubyte .svm .libsvm .svmlight .data .arrows .arrow "
    ".feather";
inline constexpr std::string_view stream_files = ".arrows .arrow .feather";

Field flag(bool& variable);
Field flag(std::function<void()> set);

Field text(std::string& variable, std::vector<std::string_view> choices = {});
Field text(std::optional<std::string>& variable, std::vector<std::string_view> choices = {});
Field texts(std::vector<std::string>& variable);  // a value each time
Field file(std::string& variable, std::string_view endings = {});
Field files(std::vector<std::string>& variable, std::string_view endings = {});
Field folder(std::string& variable);
Field members(std::vector<std::string>& variable);  // MODEL[@DEVICE][*WEIGHT]
Field columns(std::vector<std::string>& variable);  // names with commas between, maybe several times
Field column(std::optional<std::string>& variable);
Field condition(std::string& variable);                      // begins with a column's name
Field joined_columns(std::optional<std::string>& variable);  // names as they come, with commas between

Field number(double& variable, Interval interval);
Field bytes(std::uint64_t& variable, std::uint64_t (*parse)(std::string_view) = parse_bytes);
Field seconds(double& variable);
Field milliseconds(std::chrono::milliseconds& variable);
// One value for all members, or a list with a value for each. A single value goes to `list` as well:
// members_of() distributes it.
Field numbers(std::vector<double>& list, std::function<std::string()> one, Interval interval);

// The same of whole numbers from `least`.
Field counts(std::vector<std::uint64_t>& list, std::function<std::string()> one, std::int64_t least);

std::string show_number(double value);        // "0.1", "1e-7"
std::string show_bytes(std::uint64_t bytes);  // "64M" where it is a multiple
std::string show_seconds(double seconds);     // "5s", "50ms"
std::string show_list(const std::vector<double>& values);

// A whole number from `least` to `most`, of any integer type.
template <typename Integer>
Field count(Integer& variable, std::int64_t least, std::int64_t most = INT64_MAX) {
  return {.overrules = true,
          .apply = [&variable, least,
                    most](auto text) { variable = static_cast<Integer>(parse_count(*text, least, most)); },
          .show = [&variable] { return std::to_string(variable); }};
}
template <typename Integer>
Field count(std::optional<Integer>& variable, std::int64_t least, std::int64_t most = INT64_MAX) {
  return {.overrules = true,
          .apply = [&variable, least,
                    most](auto text) { variable = static_cast<Integer>(parse_count(*text, least, most)); },
          .show = [&variable] { return variable ? std::to_string(*variable) : std::string(); }};
}
// --name or --name=N: what the bare option means is up to the caller.
template <typename Variable>
Field optional_count(Variable& variable, std::int64_t bare, std::int64_t least, std::int64_t most) {
  return {.overrules = true, .optional_value = true, .apply = [&variable, bare, least, most](auto text) {
            variable = text ? parse_count(*text, least, most) : bare;
          }};
}

// A word of an enumeration that has enum_names().
template <typename Enum>
Field choice(Enum& variable, const std::vector<std::string_view>& choices = enum_names(Enum{}).list()) {
  return {.kind = Kind::choice,
          .choices = choices,
          .overrules = true,
          .apply = [&variable](auto text) { variable = enum_names(Enum{}).parse(*text); },
          .show = [&variable] { return std::string(enum_names(variable).name_of(variable)); }};
}
template <typename Enum>
Field choice(std::optional<Enum>& variable) {
  return {.kind = Kind::choice,
          .choices = enum_names(Enum{}).list(),
          .overrules = true,
          .apply = [&variable](auto text) { variable = enum_names(Enum{}).parse(*text); },
          .show =
              [&variable] {
                return variable ? std::string(enum_names(*variable).name_of(*variable)) : std::string();
              }};
}

// Anything else that has a parser, and maybe to_string().
template <typename T, typename Parse>
Field parsed(T& variable, Parse parse, Kind kind = Kind::text,
             const std::vector<std::string_view>& choices = {}) {
  Field field{.kind = kind, .choices = choices};
  field.overrules = kind == Kind::text || kind == Kind::choice;
  field.apply = [&variable, parse](auto text) { variable = parse(*text); };
  if constexpr (std::is_same_v<T, std::string>) {
    field.show = [&variable] { return variable; };
  } else if constexpr (requires { std::string(to_string(variable)); }) {
    field.show = [&variable] { return std::string(to_string(variable)); };
  }
  return field;
}
// A value each time.
template <typename T, typename Parse>
Field each(std::vector<T>& variable, Parse parse, Kind kind = Kind::text,
           const std::vector<std::string_view>& choices = {}) {
  return {.kind = kind, .choices = choices, .repeatable = true, .apply = [&variable, parse](auto text) {
            variable.push_back(parse(*text));
          }};
}

}  // namespace nn::options
