#include "format/parts.hpp"

#include <vector>

#include "base/error.hpp"
#include "base/signals.hpp"

namespace nn::format {

bool names_parts(std::string_view path) { return path.find("{}") != std::string_view::npos; }

std::string file_of_part(std::string_view path, std::string_view part) {
  std::string out(path);
  for (auto at = out.find("{}"); at != std::string::npos; at = out.find("{}", at + part.size())) {
    out.replace(at, 2, part);
  }
  return out;
}

void check_parts(const SourceOptions& options) {
  check_options(options);
  if (options.rows.split.empty()) {
    fail_usage("{{}} in the output stands for the parts of a split; give --split NAME:FRACTION");
  }
  if (!options.rows.part.empty())
    fail_usage("--part reads one part, and {{}} in the output writes all; give one of them");
  if (options.rows.shuffle || options.rows.repeat != 1 || options.rows.batch != 0) {
    fail_usage(
        "--shuffle, --repeat and --batch come behind the split: write its parts first, then read them again");
  }
}

table::Splitting splitting_of(const table::RowOptions& rows) {
  using By = table::Splitting::By;
  return {rows.group ? By::group : rows.stratify ? By::stratified : By::content, rows.split, rows.seed};
}

SourceOptions unsplit(SourceOptions options) {
  table::RowOptions& rows = options.rows;
  options.columns.key = rows.group ? rows.group : rows.stratify;
  rows.split.clear();
  rows.part.clear();
  rows.group = rows.stratify = std::nullopt;
  return options;
}

namespace {

void copy_all(table::PartedRows& all, std::span<const std::unique_ptr<BatchSink>> sinks) {
  std::vector<std::vector<std::int64_t>> rows(sinks.size());
  std::vector<std::int64_t> given(sinks.size(), 0);
  while (auto parted = all.next()) {
    const std::vector<std::size_t>& part_of = parted->part_of;
    for (auto& list : rows) list.clear();
    for (std::size_t row = 0; row < part_of.size(); ++row) {
      if (part_of[row] < sinks.size()) rows[part_of[row]].push_back(static_cast<std::int64_t>(row));
    }
    for (std::size_t part = 0; part < sinks.size(); ++part) {
      if (rows[part].empty()) continue;
      sinks[part]->write(table::take_rows(parted->batch, rows[part], given[part]));
      given[part] += static_cast<std::int64_t>(rows[part].size());
    }
  }
  for (const auto& sink : sinks) sink->finish();
}

}  // namespace

void copy_parts(table::PartedRows& rows, std::span<const std::unique_ptr<BatchSink>> sinks) {
  const auto abandon = [&](std::string_view message) {
    for (const auto& sink : sinks) sink->abandon(message);
  };
  try {
    copy_all(rows, sinks);
  } catch (const Error& error) {
    abandon(error.what());
    throw;
  } catch (const Interrupted&) {
    abandon("interrupted");
    throw;
  }
}

}  // namespace nn::format
