#include "format/source.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "format/rows.hpp"
#include "format/source_columns.hpp"
#include "format/source_open.hpp"

namespace nn::format {
namespace {

void check_csv(const CsvOptions& csv) {
  constexpr std::string_view impossible = "\"\r\n+-.";
  const char c = csv.delimiter;
  const bool word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  if (c != 0 && (word || impossible.find(c) != std::string_view::npos)) {
    fail_usage("cells cannot be delimited by '{}', which is part of numbers, texts or quotes",
               printable({&c, 1}));
  }
  if (csv.skip < 0) fail_usage("{} lines cannot be skipped", csv.skip);
}

void check_split(const SourceOptions& options) {
  double sum = 0;
  for (const SplitPart& part : options.split) {
    if (!(part.fraction > 0 && part.fraction <= 1)) {
      fail_usage("part '{}' of the split: its fraction is {}, and must be over 0 and at most 1",
                 printable(part.name), part.fraction);
    }
    const auto same = [&](const SplitPart& other) { return other.name == part.name; };
    if (std::count_if(options.split.begin(), options.split.end(), same) > 1) {
      fail_usage("there are two parts '{}' in the split", printable(part.name));
    }
    sum += part.fraction;
  }
  if (sum > 1 + 1e-9) fail_usage("the fractions of the split add up to {}, more than 1", sum);
  if (options.split.empty() && !options.part.empty()) {
    fail_usage("part '{}' needs a split, for example --split train:0.8 --split test:0.2",
               printable(options.part));
  }
}

std::size_t part_number(const SourceOptions& options) {
  if (options.part.empty()) return 0;
  for (std::size_t i = 0; i < options.split.size(); ++i) {
    if (options.split[i].name == options.part) return i;
  }
  std::vector<std::string> names;
  for (const SplitPart& part : options.split) names.push_back(part.name);
  fail_usage("there is no part '{}' in the split of {}", printable(options.part), fmt::join(names, ", "));
}

void check_inputs(const SourceOptions& options) {
  const std::vector<std::string>& inputs = options.inputs;
  const auto standard = std::count(inputs.begin(), inputs.end(), "-") + (inputs.empty() ? 1 : 0);
  if (standard > 1) fail_usage("standard input can be read only once");
  if (options.repeat != 1 && standard > 0) {
    fail_usage("standard input cannot be read again, which --repeat needs; write it to a file first");
  }
}

}  // namespace

void check_options(const SourceOptions& options) {
  if (options.label && options.target) fail_usage("a table has a --label or a --target, not both");
  if (!options.labels_files.empty() &&
      options.labels_files.size() != std::max<std::size_t>(options.inputs.size(), 1)) {
    fail_usage("{} inputs need as many --labels files, and there {} {}",
               std::max<std::size_t>(options.inputs.size(), 1),
               options.labels_files.size() == 1 ? "is" : "are", options.labels_files.size());
  }
  if (options.readers < 1) fail_usage("--readers must be at least 1");
  if (options.batch < 0) fail_usage("--batch must be at least 1");
  if (options.repeat < 0) fail_usage("--repeat must be at least 0 (0: for ever)");
  if (options.shuffle && *options.shuffle < 0) fail_usage("--shuffle must be at least 0 (0: all rows)");
  check_inputs(options);
  check_csv(options.csv);
  check_split(options);
  part_number(options);
}

namespace {

table::SourcePtr open_epoch(const SourceOptions& options, std::uint64_t epoch) {
  table::SourcePtr source = table::with_columns(open_all(options), options);
  if (options.rows != RowRange{}) source = table::row_range(std::move(source), options.rows);
  if (options.shard.count > 1) source = table::row_shard(std::move(source), options.shard);
  if (!options.split.empty()) {
    source = table::row_part(std::move(source), options.split, part_number(options), options.seed);
  }
  if (options.shuffle) source = table::row_shuffle(std::move(source), *options.shuffle, options.seed, epoch);
  return source;
}

}  // namespace

std::unique_ptr<BatchSource> open_source(const SourceOptions& given) {
  SourceOptions options = given;
  if (options.inputs.empty()) options.inputs = {"-"};
  check_options(options);
  // A file of labels says that they are labels.
  if (!options.labels_files.empty() && !options.label && !options.target) options.label = "y";
  table::SourcePtr source;
  if (options.repeat == 1) {
    source = open_epoch(options, 0);
  } else {
    for (const std::string& path : options.inputs) {
      if (::access(path.c_str(), F_OK) == 0 && !is_regular_file(path)) {
        fail_usage("{} cannot be read again, which --repeat needs; write it to a file first", path);
      }
    }
    source = table::row_repeat([options](std::uint64_t epoch) { return open_epoch(options, epoch); },
                               options.repeat);
  }
  if (options.batch > 0) source = table::row_batch(std::move(source), options.batch);
  return source;
}

}  // namespace nn::format
