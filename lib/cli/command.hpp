// A tool, or a subcommand of one, and all that it takes: as data, for the parser and all generators.
#pragma once

#include <string_view>
#include <vector>

#include "options/option.hpp"

namespace nn::cli {

struct Command {
  std::string_view name;         // "nn-read", "show"
  std::string_view summary;      // one line, as in the manual's NAME
  options::List options;         // without those that all tools have
  options::List arguments = {};  // in their order; only the last one may be repeatable
  std::vector<Command> subcommands = {};
  std::string_view example = {};  // of a tool: a pipeline, shown at the end of its help
};

// --quiet, --verbose, --help and --version, which all tools have.
struct General {
  bool quiet = false, verbose = false;
};
options::List option_list(General& general);

// A group's heading without what stands in parentheses: the manual's section.
constexpr std::string_view section_of(std::string_view group) { return group.substr(0, group.find(" (")); }

// The groups of a list, in the order in which they begin.
std::vector<std::string_view> groups_of(const options::List& list);

}  // namespace nn::cli
