#include "train/files.hpp"

#include <fmt/format.h>

#include "base/numbered_path.hpp"
#include "base/overwrite.hpp"
#include "format/options.hpp"

namespace nn::train {

std::string checkpoint_of(const TrainOptions& options) {
  return options.checkpoint.empty() ? options.output + ".ckpt" : options.checkpoint;
}

void check_files(const std::vector<TrainOptions>& members) {
  const TrainOptions& first = members.front();
  FilesOfRun files{.read = format::input_files(first.source), .written = {first.log, first.plot, first.oof}};
  files.read.push_back(first.valid.file);
  if (first.from != first.output)
    files.read.push_back(first.from);  // else the model takes its place at the end
  for (const TrainOptions& member : members) {
    files.written.push_back(member.output);
    files.written.push_back(checkpoint_of(member));
    for (std::int64_t cycle = 1; member.snapshots && cycle <= member.schedule.cycles; ++cycle)
      files.written.push_back(numbered_path(member.output, fmt::format("cycle{}", cycle)));
  }
  refuse_overwriting(files);
}

}  // namespace nn::train
