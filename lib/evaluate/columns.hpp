// Columns of a table that are one tensor together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tensor/batch.hpp"

namespace nn::evaluate {

// A tensor, or the columns that are its elements in text formats.
struct Elements {
  std::vector<std::size_t> columns;
  std::vector<std::string> names;  // empty: they are numbered
};

// `stem` itself, or stem_0, stem_1, … or stem_cat, stem_dog, …: as text formats have a tensor. Data error for
// columns that aren't numbers.
Elements elements_of(const Schema& schema, const std::string& stem);

// Numbers a row.
std::int64_t width_of(const Schema& schema, const std::vector<std::size_t>& columns);

// out [rows, width], resized: the columns side by side, NaN for what is missing.
void gather(const Batch& batch, const std::vector<std::size_t>& columns, std::vector<double>& out);

}  // namespace nn::evaluate
