#include "tensor/column_choice.hpp"

#include <algorithm>

namespace nn {

ColumnNames::ColumnNames(const Schema& schema) {
  for (std::size_t i = 0; i < schema.fields.size(); ++i) sorted_.emplace_back(schema.fields[i].name, i);
  std::sort(sorted_.begin(), sorted_.end());
}

std::span<const std::pair<std::string_view, std::size_t>> ColumnNames::named(std::string_view name) const {
  const auto less = [](const auto& entry, std::string_view text) { return entry.first < text; };
  const auto first = std::lower_bound(sorted_.begin(), sorted_.end(), name, less);
  auto last = first;
  while (last != sorted_.end() && last->first == name && last - first < 2) ++last;
  return {first, last};
}

std::optional<std::size_t> find_matrix(const Schema& table, const ColumnNames& names,
                                       std::span<const std::string_view> columns) {
  const auto found = names.named("x");
  if (found.size() != 1) return std::nullopt;
  const std::size_t position = found[0].second;
  const Field& x = table.fields[position];
  if (!is_number(x.type) || x.shape.empty()) return std::nullopt;
  if (element_count(x.shape) != static_cast<std::int64_t>(columns.size())) return std::nullopt;
  const auto is_there = [&](std::string_view name) { return name != "x" && !names.named(name).empty(); };
  return std::all_of(columns.begin(), columns.end(), is_there) ? std::nullopt : std::optional(position);
}

ColumnChoice::ColumnChoice(const Schema& table, std::vector<std::size_t> positions)
    : positions_(std::move(positions)) {
  auto schema = std::make_shared<Schema>();
  for (const std::size_t position : positions_) schema->fields.push_back(table.fields[position]);
  schema_ = std::move(schema);
}

Batch ColumnChoice::of(const Batch& rows) const {
  Batch out{schema_, rows.first_row, rows.rows, {}, rows.numbers};
  out.columns.reserve(positions_.size());
  for (const std::size_t position : positions_) out.columns.push_back(rows.columns[position]);
  return out;
}

}  // namespace nn
