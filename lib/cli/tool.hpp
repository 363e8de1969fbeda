// The part that every tool's main has in common: options that all share, errors printed once,
// exit statuses, signals.
#pragma once

#include <functional>

#include "base/error.hpp"
#include "base/log.hpp"
#include "cli/command.hpp"
#include "cli/parse.hpp"

namespace nn::cli {

// Parses argv, then runs `body`. Adds --quiet, --verbose, --version, --help. Returns the exit
// status: 0 done, 1 failed, 2 wrong usage, 75 worth retrying; dies by SIGPIPE when the reader of
// stdout left and by the stop signal when one was received. Parsing opens nothing.
//
//   int main(int argc, char** argv) {
//     Options o;
//     const nn::cli::Command tool{"nn-eval", "…", option_list(o)};
//     return nn::cli::run_tool(argc, argv, tool, [&](const nn::cli::Parsed&) { run(o); });
//   }
//
// `--generate bash|zsh|fish` prints a completion and `--generate man SECTION` a section of the
// manual, for the build and not for people.
int run_tool(int argc, char** argv, const Command& tool, const std::function<void(const Parsed&)>& body);

}  // namespace nn::cli
