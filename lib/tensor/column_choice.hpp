// Some of a table's columns: found by name, and taken from its batches.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "tensor/batch.hpp"

namespace nn {

// A table's columns by name: tables from outside may have any number of them, also several of one name.
// Refers to the schema's names.
class ColumnNames {
 public:
  explicit ColumnNames(const Schema& schema);
  // Positions of the first columns with this name, at most two.
  std::span<const std::pair<std::string_view, std::size_t>> named(std::string_view name) const;

 private:
  std::vector<std::pair<std::string_view, std::size_t>> sorted_;
};

// Columns of numbers may come together: the table's tensor `x`, each row of which has their values in this
// order. Its position; nothing where the table has all of the columns by their names, has no such tensor, or
// has one of another number of elements.
std::optional<std::size_t> find_matrix(const Schema& table, const ColumnNames& names,
                                       std::span<const std::string_view> columns);

// Constant, for any thread.
class ColumnChoice {
 public:
  ColumnChoice() = default;
  // Columns of the table by their positions, in this order.
  ColumnChoice(const Schema& table, std::vector<std::size_t> positions);

  // What the columns are, without the table's metadata.
  const std::shared_ptr<const Schema>& schema() const { return schema_; }
  // The columns of some rows of the table; memory is shared.
  Batch of(const Batch& rows) const;

 private:
  std::vector<std::size_t> positions_;
  std::shared_ptr<const Schema> schema_;
};

}  // namespace nn
