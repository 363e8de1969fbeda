#include <fmt/format.h>

#include "cli/generate/generate.hpp"

namespace nn::cli {

using options::Kind;
using options::Option;

namespace {

std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

// How fish completes the value: its flags for `complete`, and the functions of completions/fish.
std::string action_of(const Option& option) {
  const options::Field& field = option.field;
  switch (field.kind) {
    case Kind::flag: return "";
    case Kind::file:
      return field.endings.empty() ? " -r -F" : fmt::format(" -x -k -a '(__nn_files {})'", field.endings);
    case Kind::folder: return " -x -a '(__fish_complete_directories)'";
    case Kind::device: return " -x -a '(__nn_devices)'";
    case Kind::endpoint: return " -x -a 'tcp:// tls:// unix: ssh:// exec:'";
    case Kind::member: return " -x -k -a '(__nn_members)'";
    case Kind::column: return fmt::format(" -x -k -a '(__nn_column {})'", fmt::join(field.choices, " "));
    case Kind::columns: return fmt::format(" -x -k -a '(__nn_columns {})'", fmt::join(field.choices, " "));
    case Kind::text:
    case Kind::choice: break;
  }
  if (field.optional_value) return "";
  return field.choices.empty() ? " -x" : fmt::format(" -x -a '{}'", fmt::join(field.choices, " "));
}

}  // namespace

std::string fish_completion(const Command& tool, const options::List& general) {
  std::string out = fmt::format("complete -c {} -f\n", tool.name);
  std::string all;
  for (const Command& subcommand : tool.subcommands) all += fmt::format(" {}", subcommand.name);
  for (const Command& subcommand : tool.subcommands) {
    out += fmt::format("complete -c {} -n 'not __fish_seen_subcommand_from{}' -a {} -d {}\n", tool.name, all,
                       subcommand.name, quoted(subcommand.summary));
  }
  for_each_command(tool, general, [&](const Command& command, const options::List& list) {
    const bool sub = &command != &tool;
    const std::string where = sub ? fmt::format(" -n '__fish_seen_subcommand_from {}'", command.name) : "";
    for (const Option& argument : command.arguments) {
      out += fmt::format("complete -c {}{}{}\n", tool.name, where, action_of(argument));
    }
    for (const Option& option : list) {
      if (sub && options::find(general, option.name) != nullptr) continue;
      const std::string letter = option.letter != 0 ? fmt::format(" -s {}", option.letter) : "";
      out += fmt::format("complete -c {}{}{} -l {}{} -d {}\n", tool.name, where, letter, option.name,
                         action_of(option), quoted(short_help_of(option)));
    }
  });
  return out;
}

}  // namespace nn::cli
