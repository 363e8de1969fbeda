#include "cli/help.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "cli/markup.hpp"

namespace nn::cli {

using options::Option;

namespace {

constexpr std::size_t least_width = 40, usual_width = 80;
constexpr std::size_t text_column = 30;  // where lines of -h begin

void add_short(std::string& out, const Option& option, const HelpStyle& style) {
  const std::string heading = "  " + heading_of(option);
  const std::size_t column = std::min(text_column, style.width / 2);
  const std::string line = with_default(option, option.help);
  std::string text = wrapped(parse_markup(line).at(0).words, column, style.width);
  if (columns_of(heading) + 2 > column) {
    out += heading + "\n" + text + "\n";
  } else {
    out += heading + text.substr(columns_of(heading)) + "\n";
  }
}

void add_long(std::string& out, const Option& option, const HelpStyle& style) {
  constexpr std::size_t indent = 8, item_indent = 10, item_text = 14;
  out += "  " + heading_of(option) + "\n";
  const std::string text =
      option.text.empty() ? with_default(option, option.help) + "." : with_default(option, option.text);
  bool first = true, in_list = false;
  for (const Block& block : parse_markup(text)) {
    if (!block.lines.empty()) {
      out += "\n";
      for (const std::string& line : block.lines) out += std::string(item_indent, ' ') + line + "\n";
    } else if (block.item.empty()) {
      if (!first) out += "\n";
      out += wrapped(block.words, indent, style.width) + "\n";
    } else {
      if (!first && !in_list) out += "\n";
      out += wrapped(block.item, item_indent, style.width) + "\n";
      out += wrapped(block.words, item_text, style.width) + "\n";
    }
    in_list = !block.item.empty();
    first = false;
  }
}

void add_options(std::string& out, const options::List& list, std::string_view group,
                 const HelpStyle& style) {
  out += fmt::format("\n{}:\n", group);
  bool first = true;
  for (const Option& option : list) {
    if (option.group != group) continue;
    if (style.all && !first) out += "\n";
    style.all ? add_long(out, option, style) : add_short(out, option, style);
    first = false;
  }
}

std::string usage_line(const Command& tool, const Command* sub) {
  const Command& command = sub != nullptr ? *sub : tool;
  std::string line = fmt::format("Usage: {}", tool.name);
  if (sub != nullptr) line += fmt::format(" {}", sub->name);
  line += " [OPTION]...";
  if (!command.subcommands.empty()) line += " COMMAND ...";
  for (const Option& argument : command.arguments) {
    line += argument.required ? fmt::format(" {}", heading_of(argument))
                              : fmt::format(" [{}]", heading_of(argument));
  }
  return line;
}

}  // namespace

std::string with_default(const Option& option, std::string_view text) {
  constexpr std::string_view mark = "{default}";
  const auto at = text.find(mark);
  if (at == std::string_view::npos || !option.field.show) return std::string(text);
  std::string out(text);
  return out.replace(at, mark.size(), option.field.show());
}

std::string heading_of(const Option& option) {
  if (option.is_argument()) return fmt::format("{}{}", option.value, option.field.repeatable ? "..." : "");
  std::string out = option.letter != 0 ? fmt::format("-{}, ", option.letter) : std::string(4, ' ');
  out += option.flag_name();
  if (option.field.optional_value) return out + fmt::format("[={}]", option.value);
  return option.value.empty() ? out : out + fmt::format(" {}", option.value);
}

std::size_t help_width() {
  if (const char* columns = std::getenv("COLUMNS")) {
    std::size_t width = 0;
    const auto result = std::from_chars(columns, columns + std::strlen(columns), width);
    if (result.ec == std::errc() && *result.ptr == 0 && width > 0) return std::max(width, least_width);
  }
  winsize size{};
  const bool known = ::isatty(STDOUT_FILENO) != 0 && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
  return known && size.ws_col > 0 ? std::max<std::size_t>(size.ws_col, least_width) : usual_width;
}

std::string help_text(const Command& tool, const Command* sub, const options::List& general,
                      const HelpStyle& style) {
  const Command& command = sub != nullptr ? *sub : tool;
  std::string out = wrapped(parse_markup(command.summary).at(0).words, 0, style.width) + "\n\n" +
                    usage_line(tool, sub) + "\n";
  if (!command.arguments.empty()) out += "\nArguments:\n";
  for (const Option& argument : command.arguments) {
    style.all ? add_long(out, argument, style) : add_short(out, argument, style);
  }
  if (!command.subcommands.empty()) out += "\nCommands:\n";
  std::size_t width = 8;
  for (const Command& subcommand : command.subcommands) width = std::max(width, subcommand.name.size());
  for (const Command& subcommand : command.subcommands) {
    out += fmt::format("  {:<{}}  {}\n", subcommand.name, width, subcommand.summary);
  }
  options::List all = command.options;
  all.insert(all.end(), general.begin(), general.end());
  for (const std::string_view group : groups_of(all)) add_options(out, all, group, style);
  if (sub == nullptr) out += fmt::format("\nExample:\n  {}\n", tool.example);
  if (!style.all) {
    out += fmt::format("\nMore: {}{}{} --help, man {}\n", tool.name, sub != nullptr ? " " : "",
                       sub != nullptr ? sub->name : "", tool.name);
  } else {
    out += fmt::format("\nManual: man {}, man nn-tools\n", tool.name);
  }
  return out;
}

}  // namespace nn::cli
