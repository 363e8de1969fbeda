// Texts made from a tool's options, for the build: completions of shells, and sections of the manual.
// The functions that completions of all tools share, such as the one that finds files by their endings, are
// written by hand in completions/ and stand in front of what is generated here.
#pragma once

#include <string>
#include <string_view>

#include "cli/command.hpp"

namespace nn::cli {

// `what`: bash, zsh, fish, or man with the section in `section`; "" is all of them under their
// headings; or columns, for completions as they run: the names of the columns of the file `section`, a line
// each, which may be none. Usage error for anything else.
std::string generated(const Command& tool, const options::List& general, std::string_view what,
                      std::string_view section);

std::string bash_completion(const Command& tool, const options::List& general);
std::string zsh_completion(const Command& tool, const options::List& general);
std::string fish_completion(const Command& tool, const options::List& general);
// A list of mdoc's, ".Bl" to ".El". The options of subcommands are in the section "Commands".
std::string mdoc_section(const Command& tool, const options::List& general, std::string_view section);

// A line of help for completions, without what stands in parentheses at its end.
std::string_view short_help_of(const options::Option& option);

// Calls visit(command, list) for the tool itself and for each of its subcommands, with all options
// that may be given there.
template <typename Visit>
void for_each_command(const Command& tool, const options::List& general, Visit visit) {
  const auto visit_one = [&](const Command& command) {
    options::List list = command.options;
    list.insert(list.end(), general.begin(), general.end());
    visit(command, list);
  };
  visit_one(tool);
  for (const Command& subcommand : tool.subcommands) visit_one(subcommand);
}

}  // namespace nn::cli
