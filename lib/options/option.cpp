#include "options/option.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/error.hpp"
#include "base/text.hpp"

namespace nn::options {

void Group::add(Option option, Field field) {
  option.group = name_;
  if (!option.effect) option.effect = effect_;
  option.field = std::move(field);
  list_.push_back(std::move(option));
}

void append(List& list, List more) {
  list.insert(list.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

Option argument(std::string_view name, std::string_view value, std::string_view help, Field field,
                bool required) {
  Option option{.name = name, .value = value, .help = help, .argument = true, .required = required};
  option.effect = Effect::input;
  option.field = std::move(field);
  return option;
}

const Option* find(const List& list, std::string_view name) {
  const auto found = std::find_if(list.begin(), list.end(), [&](const Option& o) { return o.name == name; });
  return found == list.end() ? nullptr : &*found;
}

const Option* find(const List& list, char letter) {
  const auto found =
      std::find_if(list.begin(), list.end(), [&](const Option& o) { return o.letter == letter; });
  return found == list.end() || letter == 0 ? nullptr : &*found;
}

std::string unknown_option(const List& list, std::string_view word) {
  std::vector<std::string> names;
  for (const Option& option : list) names.push_back(option.flag_name());
  const std::string unknown = fmt::format("unknown option '{}'", printable(word));
  const auto meant = closest(word.substr(0, word.find('=')), names);
  return meant ? fmt::format("{}; did you mean {}?", unknown, *meant) : unknown;
}

bool is_local(const Field& field) {
  const Kind kind = field.kind;
  if (field.or_word) return false;
  return kind == Kind::file || kind == Kind::folder || kind == Kind::device || kind == Kind::endpoint ||
         kind == Kind::member;
}

bool is_lasting(const Option& option) {
  return option.effect_of() != Effect::report && option.effect_of() != Effect::local;
}

bool may_travel(const Option& option) {
  switch (option.effect_of()) {
    case Effect::network:
    case Effect::model:
    case Effect::run:
    case Effect::report: return !is_local(option.field);
    case Effect::input:
    case Effect::output:
    case Effect::local: break;
  }
  return false;
}

void Application::apply(const Option& option, std::optional<std::string_view> value) {
  for (const Given& given : given_) {
    const options::Field& field = option.field;
    if (given.option->name == option.name && !field.repeatable && !field.overrules && !option.is_flag()) {
      fail_usage("{} is given twice, '{}' and '{}'; it takes one value", option.flag_name(),
                 printable(given.value), printable(value.value_or("")));
    }
    if (given.option->name == option.excludes || option.name == given.option->excludes) {
      fail_usage("{} and {} can't be given together", given.option->flag_name(), option.flag_name());
    }
  }
  given_.push_back({&option, std::string(value.value_or(""))});
  try {
    option.field.apply(value);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::usage) throw;  // a file that can't be read says so itself
    throw error.within(option.flag_name());
  }
}

void apply_arguments(const List& list, const std::vector<std::string>& arguments) {
  Application application;
  for (const std::string_view word : arguments) {
    const auto equals = word.find('=');
    const Option* option =
        word.starts_with("--") && word.size() > 2 ? find(list, word.substr(2, equals - 2)) : nullptr;
    if (option == nullptr) throw Error(ErrorKind::usage, unknown_option(list, word));
    const bool has_value = equals != std::string_view::npos;
    if (option->is_flag() && has_value) fail_usage("{} takes no value", option->flag_name());
    if (!option->is_flag() && !has_value && !option->field.optional_value) {
      fail_usage("{} without a value", option->flag_name());
    }
    application.apply(*option, has_value ? std::optional(word.substr(equals + 1)) : std::nullopt);
  }
}

}  // namespace nn::options
