#include "cli/command.hpp"

#include <algorithm>

#include "options/fields.hpp"

namespace nn::cli {

options::List option_list(General& general) {
  options::List list;
  options::Group group(list, "General", options::Effect::local);
  group.add({.name = "quiet",
             .letter = 'q',
             .help = "Only errors on stderr",
             .text = "Print only errors on the standard error."},
            options::flag(general.quiet));
  group.add({.name = "verbose",
             .letter = 'v',
             .help = "Say more on stderr",
             .text = "Say more on the standard error."},
            options::flag(general.verbose));
  // The parser answers these two itself, before anything else is looked at.
  group.add({.name = "help",
             .letter = 'h',
             .help = "Print help and exit: -h a line for each option, --help more",
             .text = "Print the options and exit: with -h a line for each, with --help what stands here."},
            options::flag([] {}));
  group.add({.name = "version", .help = "Print the version and exit", .text = "Print the version and exit."},
            options::flag([] {}));
  return list;
}

std::vector<std::string_view> groups_of(const options::List& list) {
  std::vector<std::string_view> groups;
  for (const options::Option& option : list) {
    if (std::find(groups.begin(), groups.end(), option.group) == groups.end()) groups.push_back(option.group);
  }
  return groups;
}

}  // namespace nn::cli
