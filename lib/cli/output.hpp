// The output of a tool that makes a table: a file or stdout, and its format.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "format/sink.hpp"
#include "options/option.hpp"

namespace nn::cli {

struct OutputOptions {
  std::string path = "-";
  format::OutputFormat to = format::OutputFormat::automatic;
};

// -o, --output alone, in the group "Output", with other words where a tool has more to say of it.
options::List output_file(std::string& path, std::string_view help = {}, std::string_view text = {});
// -o, --output and --to.
options::List option_list(OutputOptions& output, std::string_view help = {}, std::string_view text = {});

// All rows, with their progress on stderr; the file appears complete or not at all.
void write_output(std::unique_ptr<BatchSource> rows, const OutputOptions& options,
                  format::StreamLimits limits);

}  // namespace nn::cli
