#include "train/rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "base/error.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "table/rows.hpp"

namespace nn::train {
namespace {

bool has_classes(const Rows& rows) {
  const Field& y = rows.schema->fields[*rows.schema->find("y")];
  return !is_float(y.type) && y.shape.empty();
}

// All rows, in an order that the seed gives.
std::vector<std::uint32_t> shuffled(const Rows& rows, std::uint64_t seed) {
  std::vector<std::uint32_t> order(static_cast<std::size_t>(rows.count));
  RandomStream random(seed, RandomUse::split);
  shuffle_indices(order, random);
  return order;
}

// The class of each row, by its text, numbered from 0.
std::vector<std::size_t> classes_of(const Rows& rows) {
  const std::size_t y = *rows.schema->find("y");
  const Field& field = rows.schema->fields[y];
  if (!has_classes(rows))
    throw data_error("rows are taken by class, but y is a number").within("--valid-stratify");
  std::map<std::string, std::size_t> numbers;
  std::vector<std::size_t> classes;
  for (const Batch& batch : rows.batches) {
    const Column& column = batch.columns[y];
    for (std::int64_t r = 0; r < batch.rows; ++r) {
      const std::string text = column.valid(r) ? value_text(field, column, r) : std::string();
      classes.push_back(numbers.try_emplace(text, numbers.size()).first->second);
    }
  }
  return classes;
}

// How many rows of each class make `wanted` rows in all: each its share, rounded down, and the largest
// remainders one more.
std::vector<std::int64_t> shares_of_classes(const std::vector<std::size_t>& classes, std::int64_t wanted) {
  std::vector<std::int64_t> counts;
  for (const std::size_t c : classes) {
    counts.resize(std::max(counts.size(), c + 1));
    ++counts[c];
  }
  std::vector<std::pair<double, std::size_t>> remainders;
  std::int64_t given = 0;
  for (std::size_t c = 0; c < counts.size(); ++c) {
    const double share =
        static_cast<double>(counts[c]) * static_cast<double>(wanted) / static_cast<double>(classes.size());
    counts[c] = static_cast<std::int64_t>(share);
    given += counts[c];
    remainders.emplace_back(static_cast<double>(counts[c]) - share, c);  // ascending: the largest first
  }
  std::sort(remainders.begin(), remainders.end());
  for (const auto& [remainder, c] : remainders) {
    if (given++ < wanted) ++counts[c];
  }
  return counts;
}

// The rows for which wanted(row) holds, in their order.
template <typename Wanted>
Rows filtered(const Rows& rows, Wanted wanted) {
  Rows out{rows.schema, {}, 0};
  std::size_t at = 0;
  for (const Batch& batch : rows.batches) {
    std::vector<std::int64_t> chosen;
    for (std::int64_t r = 0; r < batch.rows; ++r) {
      if (wanted(at++)) chosen.push_back(r);
    }
    if (chosen.empty()) continue;
    out.batches.push_back(table::take_rows(batch, chosen, batch.first_row));
    out.count += static_cast<std::int64_t>(chosen.size());
  }
  return out;
}

}  // namespace

std::string name_of_inputs(const std::vector<std::string>& inputs) {
  if (inputs.empty() || inputs[0] == "-") return "standard input";
  return inputs.size() == 1 ? inputs[0] : fmt::format("{} and {} more", inputs[0], inputs.size() - 1);
}

Rows read_rows(format::SourceOptions options) {
  options.y_is_needed = true;
  const auto source = format::open_source(options);
  Rows rows;
  rows.schema = source->schema();
  while (auto batch = source->next()) {
    rows.count += batch->rows;
    rows.batches.push_back(std::move(*batch));
  }
  const std::string name = name_of_inputs(options.inputs);
  if (rows.count == 0) throw data_error("no rows").within_file(name);
  if (rows.count > std::numeric_limits<std::uint32_t>::max()) {
    throw make_error(ErrorKind::unsupported, "{} rows; at most {} fit into one run", rows.count,
                     std::numeric_limits<std::uint32_t>::max())
        .within_file(name)
        .advise(" (see --shard)");
  }
  if (!rows.schema->find("y")) {
    std::vector<std::string> names;
    for (const Field& field : rows.schema->fields) names.push_back(printable(field.name));
    throw data_error("no column y to learn")
        .within_file(name)
        .advise("; name it with --label (classes) or --target (numbers); there are {}",
                printable(fmt::format("{}", fmt::join(names, ", ")), 300));
  }
  return rows;
}

Rows split_off(Rows& rows, double fraction, std::uint64_t seed, bool stratify) {
  const auto wanted = static_cast<std::int64_t>(std::llround(fraction * static_cast<double>(rows.count)));
  if (wanted < 1 || wanted >= rows.count) {
    throw data_error("of {} rows this leaves {} for validation and {} to learn from", rows.count, wanted,
                     rows.count - wanted)
        .within(fmt::format("--valid {}", fraction));
  }
  const std::vector<std::uint32_t> order = shuffled(rows, seed);
  std::vector<bool> chosen(order.size());
  const std::vector<std::size_t> classes =
      stratify ? classes_of(rows) : std::vector<std::size_t>(order.size());
  std::vector<std::int64_t> left = shares_of_classes(classes, wanted);
  for (const std::uint32_t row : order) chosen[row] = left[classes[row]]-- > 0;

  Rows valid{rows.schema, {}, wanted};
  std::vector<Batch> kept;
  std::size_t at = 0;
  for (Batch& batch : rows.batches) {
    std::vector<std::int64_t> in, out;
    for (std::int64_t r = 0; r < batch.rows; ++r) (chosen[at++] ? out : in).push_back(r);
    if (!out.empty()) valid.batches.push_back(table::take_rows(batch, out, batch.first_row));
    if (!in.empty()) kept.push_back(table::take_rows(batch, in, batch.first_row));
    batch = {};
  }
  rows.batches = std::move(kept);
  rows.count -= wanted;
  return valid;
}

std::vector<std::size_t> assign_folds(const Rows& rows, std::size_t folds, std::uint64_t seed) {
  if (static_cast<std::int64_t>(folds) > rows.count)
    fail_data("{} rows can't be cut into {} folds", rows.count, folds);
  std::vector<std::uint32_t> order = shuffled(rows, seed);
  if (has_classes(rows)) {
    const std::vector<std::size_t> classes = classes_of(rows);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return classes[a] < classes[b]; });
  }
  std::vector<std::size_t> fold_of(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) fold_of[order[i]] = i % folds;
  return fold_of;
}

Rows rows_in(const Rows& rows, const std::vector<std::size_t>& fold_of, std::size_t fold) {
  return filtered(rows, [&](std::size_t row) { return fold_of[row] == fold; });
}

Rows rows_outside(const Rows& rows, const std::vector<std::size_t>& fold_of, std::size_t fold) {
  return filtered(rows, [&](std::size_t row) { return fold_of[row] != fold; });
}

}  // namespace nn::train
