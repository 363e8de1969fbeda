// Where a tool that makes a table writes it, and as what.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "format/sink.hpp"

namespace nn::cli {

struct OutputOptions {
  std::string path = "-";
  format::OutputFormat to = format::OutputFormat::automatic;
};

// -o, --output and --to, in the group "Output".
void add_output_options(CLI::App& app, OutputOptions& options,
                        const std::string& help = "Where to write (default: standard output)");

// All rows, with their progress on stderr; the file appears complete or not at all.
void write_output(std::unique_ptr<BatchSource> rows, const OutputOptions& options,
                  format::StreamLimits limits);

}  // namespace nn::cli
