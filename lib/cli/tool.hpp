// What every tool's main has in common: options that all share, errors printed once,
// exit statuses, signals.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "base/error.hpp"
#include "base/log.hpp"

namespace nn::cli {

struct ToolDescription {
  std::string name;     // "nn-read"
  std::string summary;  // one line, as in the man page's NAME
  std::string example;  // a pipeline, shown at the end of --help
};

// Parses argv with `app` prepared by `setup` (options only, opens nothing), then runs
// `body`. Adds --quiet, --verbose, --version, --help. Returns the exit status:
// 0 done, 1 failed, 2 wrong usage, 75 worth retrying; dies by SIGPIPE when the reader of
// stdout left and by the stop signal when one was received.
//
//   int main(int argc, char** argv) {
//     Options options;
//     return nn::run_tool(argc, argv, {"nn-eval", "…", "…"},
//                         [&](CLI::App& app) { setup(app, options); }, [&] { run(options); });
//   }
int run_tool(int argc, char** argv, const ToolDescription& tool, const std::function<void(CLI::App&)>& setup,
             const std::function<void()>& body);

// The command line as typed, quoted for a shell: for provenance. Valid inside body.
const std::string& command_line();

}  // namespace nn::cli
