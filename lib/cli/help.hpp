// The texts that -h and --help print.
#pragma once

#include <string>

#include "cli/command.hpp"

namespace nn::cli {

struct HelpStyle {
  bool all = true;         // with the options' texts; otherwise a line each
  std::size_t width = 80;  // columns
};

// Help for a tool or, where `subcommand` isn't null, for that.
std::string help_text(const Command& tool, const Command* subcommand, const options::List& general,
                      const HelpStyle& style);

// Columns to fill: those that COLUMNS says, or those of the terminal that standard output is, or 80.
std::size_t help_width();

// A help line or a text with the default put in where it says {default}.
std::string with_default(const options::Option& option, std::string_view text);

// "-o, --output FILE"; of an argument "INPUT...".
std::string heading_of(const options::Option& option);

}  // namespace nn::cli
