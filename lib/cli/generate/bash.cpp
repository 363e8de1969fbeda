#include <fmt/format.h>

#include "cli/generate/generate.hpp"

namespace nn::cli {

using options::Kind;
using options::Option;

namespace {

// The words by which completions/bash knows the kind of value; see there.
std::string action_of(const Option& option) {
  const options::Field& field = option.field;
  const std::string choices = fmt::format("{}", fmt::join(field.choices, " "));
  switch (field.kind) {
    case Kind::flag: return "none";
    case Kind::file: return fmt::format("files {}", field.endings);
    case Kind::folder: return "folders";
    case Kind::device: return "devices";
    case Kind::endpoint: return "words tcp:// tls:// unix: ssh:// exec:";
    case Kind::member: return "members";
    case Kind::column: return "column " + choices;
    case Kind::columns: return "columns " + choices;
    case Kind::text:
    case Kind::choice: break;
  }
  return field.optional_value ? "none" : "words " + choices;
}

std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace

std::string bash_completion(const Command& tool, const options::List& general) {
  std::string out = fmt::format("_nn_table_{}() {{\n  case $1 in\n", tool.name);
  const auto add = [&](std::string_view key, std::string_view answer) {
    out += fmt::format("    {}) echo {} ;;\n", key, quoted(answer));
  };
  for_each_command(tool, general, [&](const Command& command, const options::List& list) {
    const std::string prefix = &command == &tool ? "" : fmt::format("{}:", command.name);
    std::string names;
    for (const Option& option : list) {
      if (option.letter != 0) names += fmt::format("-{} ", option.letter);
      names += option.flag_name() + " ";
      const bool known = &command != &tool && options::find(general, option.name) != nullptr;
      if (known) continue;
      const std::string letter = option.letter != 0 ? fmt::format("-{} | ", option.letter) : "";
      add(letter + option.flag_name(), action_of(option));
    }
    add(prefix + "options", names);
    std::size_t place = 0;
    for (const Option& argument : command.arguments) {
      const std::string number = argument.field.repeatable ? "*" : std::to_string(++place);
      add(fmt::format("{}argument-{}", prefix, number), action_of(argument));
    }
  });
  if (!tool.subcommands.empty()) {
    std::string names;
    for (const Command& subcommand : tool.subcommands) names += fmt::format("{} ", subcommand.name);
    add("commands", names);
  }
  return out + fmt::format("  esac\n}}\ncomplete -F _nn_tools {}\n", tool.name);
}

}  // namespace nn::cli
