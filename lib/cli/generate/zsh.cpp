#include <fmt/format.h>

#include <cctype>

#include "cli/generate/generate.hpp"

namespace nn::cli {

using options::Kind;
using options::Option;

namespace {

// Within a specification of _arguments, which is quoted by '.
std::string escaped(std::string_view text, std::string_view special) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
      continue;
    }
    if (special.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

// The value's name and the functions of completions/zsh that complete it: ":file:_files".
std::string action_of(const Option& option) {
  const options::Field& field = option.field;
  std::string name;
  for (const char c : option.value) name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  name = ":" + escaped(name.empty() ? "value" : name, ":\\[]") + ":";
  switch (field.kind) {
    case Kind::flag: return "";
    case Kind::file:
      return name + (field.endings.empty() ? "_files" : fmt::format("_nn_files -- {}", field.endings));
    case Kind::folder: return name + "_files -/";
    case Kind::device: return name + "_nn_devices";
    case Kind::endpoint: return name + "_nn_endpoints";
    case Kind::member: return name + "_nn_members";
    case Kind::column: return name + fmt::format("_nn_column -- {}", fmt::join(field.choices, " "));
    case Kind::columns: return name + fmt::format("_nn_columns -- {}", fmt::join(field.choices, " "));
    case Kind::text:
    case Kind::choice: break;
  }
  if (field.choices.empty()) return name;
  return name +
         fmt::format("_nn_words -- {}", escaped(fmt::format("{}", fmt::join(field.choices, " ")), ":"));
}

std::string specification(const Option& option) {
  const std::string help = fmt::format("[{}]", escaped(short_help_of(option), "[]:\\"));
  const std::string long_name = option.flag_name();
  const bool valued = !option.is_flag();
  const std::string assign = option.field.optional_value ? "=-" : valued ? "=" : "";
  std::string action = action_of(option);
  if (option.field.optional_value) action = ":" + action;
  std::string excluded;
  if (option.name == "help" || option.name == "version") excluded = "- *";
  if (!option.excludes.empty()) excluded = "--" + std::string(option.excludes);
  if (option.letter == 0) {
    const std::string head = option.field.repeatable ? "*"
                             : excluded.empty()      ? ""
                                                     : fmt::format("({})", excluded);
    return fmt::format("    '{}{}{}{}{}'\n", head, long_name, assign, help, action);
  }
  if (excluded.empty()) excluded = fmt::format("-{} {}", option.letter, long_name);
  const std::string head = option.field.repeatable ? "*" : fmt::format("({})", excluded);
  return fmt::format("    '{}'{{-{},{}{}}}'{}{}'\n", head, option.letter, long_name, assign, help, action);
}

std::string argument_specification(const Option& argument, std::size_t place) {
  const std::string where = argument.field.repeatable ? "*" : std::to_string(place);
  return fmt::format("    '{}{}'\n", where, action_of(argument));
}

std::string arguments_of(const Command& command, const options::List& list) {
  std::string out;
  for (const Option& option : list) out += specification(option);
  std::size_t place = 0;
  for (const Option& argument : command.arguments) out += argument_specification(argument, ++place);
  return out;
}

}  // namespace

std::string zsh_completion(const Command& tool, const options::List& general) {
  std::string out =
      fmt::format("_{}() {{\n  local context state state_descr line\n  local -A opt_args\n", tool.name);
  const auto list_of = [&](const Command& command) {
    options::List list = command.options;
    list.insert(list.end(), general.begin(), general.end());
    return list;
  };
  if (tool.subcommands.empty()) {
    out += fmt::format("  local -a arguments=(\n{}  )\n  _arguments -s $arguments\n}}\n",
                       arguments_of(tool, list_of(tool)));
  } else {
    out += fmt::format("  local -a common=(\n{}  )\n", arguments_of(tool, list_of(tool)));
    std::string commands, cases;
    for (const Command& sub : tool.subcommands) {
      commands += fmt::format("{}\\:\"{}\" ", sub.name, escaped(sub.summary, ":\"()"));
      cases += fmt::format("    {})\n      arguments=(\n{}      )\n      ;;\n", sub.name,
                           arguments_of(sub, sub.options));
    }
    out += fmt::format(
        "  _arguments -s -C $common '1:command:(({}))' '*::argument:->rest' && return\n"
        "  [[ $state == rest ]] || return 1\n"
        "  local -a arguments\n"
        "  case $line[1] in\n{}  esac\n"
        "  _arguments -s $common $arguments\n}}\n",
        commands, cases);
  }
  return out + fmt::format("\n_{} \"$@\"\n", tool.name);
}

}  // namespace nn::cli
