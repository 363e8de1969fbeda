// Numbers as they are, and for each category the row of the table that stands for it.
// Categories come one-hot: an unknown one is all zero, and so is what it becomes.
#pragma once

#include "backend/cuda/kernels/threads.cuh"

namespace nn::cuda {

// Of the inputs from `first` on: one number, or a category of `width` codes, whose table rows
// begin at `table`, -1 for numbers.
struct EmbeddedColumn {
  std::int32_t first, width, table, unit;
};

template <typename T>
__global__ void embed(Index rows, Index columns, Index units, const EmbeddedColumn* layout, Each<const T> x,
                      Index x_row, Each<const T> table, Each<T> y, Index y_row) {
  for_elements(rows, columns, [&](Index i, Index j) {
    const EmbeddedColumn c = layout[j];
    const T* code = x + i * x_row + c.first;
    T sum = 0;
    for (Index k = 0; c.table >= 0 && k < c.width; ++k) {
      if (code[k] != T{0}) sum += code[k] * table[(c.table + k) * units + c.unit];
    }
    y[i * y_row + j] = c.table >= 0 ? sum : code[0];
  });
}

// Of each row of the table: the input that chooses it, and where its output begins.
struct TableRow {
  std::int32_t input, output;
};

// gradient [table rows, units], overwritten.
template <typename T>
__global__ void embed_back(Index rows, Index table_rows, Index units, const TableRow* layout, Each<const T> x,
                           Index x_row, Each<const T> g, Index g_row, Each<T> gradient) {
  for_elements(table_rows, units, [&](Index r, Index u) {
    const TableRow t = layout[r];
    T sum = 0;
    for (Index i = 0; i < rows; ++i) {
      const T code = x[i * x_row + t.input];
      if (code != T{0}) sum += code * g[i * g_row + t.output + u];
    }
    gradient[r * units + u] = sum;
  });
}

}  // namespace nn::cuda
