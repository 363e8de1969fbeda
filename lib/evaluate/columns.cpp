#include "evaluate/columns.hpp"

#include <fmt/format.h>

#include <limits>
#include <map>
#include <optional>
#include <string_view>

#include "base/error.hpp"
#include "tensor/name_list.hpp"

namespace nn::evaluate {
namespace {

std::size_t number_column(const Schema& schema, std::size_t column) {
  const Field& field = schema.fields[column];
  if (!is_number(field.type)) {
    fail_data("column {} is {}, expected numbers", field.name,
              field.type == DType::opaque ? field.foreign_type : std::string(name_of(field.type)));
  }
  return column;
}

// out[row * width + i] of n values a row.
template <typename T>
void copy_values(const Column& column, std::int64_t rows, std::int64_t n, std::size_t width, double* out) {
  const T* from = column.as<T>();
  for (std::int64_t row = 0; row < rows; ++row) {
    double* to = out + static_cast<std::size_t>(row) * width;
    for (std::int64_t i = 0; i < n; ++i) to[i] = static_cast<double>(from[row * n + i]);
  }
}

}  // namespace

Elements elements_of(const Schema& schema, const std::string& stem) {
  if (const auto at = schema.find(stem))
    return {{number_column(schema, *at)}, element_names(schema.fields[*at])};
  std::map<std::string_view, std::size_t> by_name;  // the first of each name
  Elements named;
  for (std::size_t i = 0; i < schema.fields.size(); ++i) {
    const Field& field = schema.fields[i];
    by_name.emplace(field.name, i);
    if (!is_number(field.type) || !field.shape.empty() || !field.name.starts_with(stem + "_")) continue;
    named.columns.push_back(i);
    named.names.push_back(field.name.substr(stem.size() + 1));
  }
  std::vector<std::size_t> numbered;
  for (;;) {
    const auto found = by_name.find(fmt::format("{}_{}", stem, numbered.size()));
    if (found == by_name.end()) break;
    numbered.push_back(number_column(schema, found->second));
  }
  // Where some have names, 0 and 1 are names as well.
  if (numbered.size() >= named.columns.size()) return {numbered, {}};
  return named;
}

std::int64_t width_of(const Schema& schema, const std::vector<std::size_t>& columns) {
  std::int64_t width = 0;
  for (const std::size_t column : columns) width += element_count(schema.fields[column].shape);
  return width;
}

void gather(const Batch& batch, const std::vector<std::size_t>& columns, std::vector<double>& out) {
  const auto width = static_cast<std::size_t>(width_of(*batch.schema, columns));
  out.resize(static_cast<std::size_t>(batch.rows) * width);
  double* at = out.data();
  for (const std::size_t index : columns) {
    const Field& field = batch.schema->fields[index];
    const Column& column = batch.columns[index];
    const std::int64_t n = element_count(field.shape);
    if (field.type == DType::f32) {
      copy_values<float>(column, batch.rows, n, width, at);
    } else if (field.type == DType::f64) {
      copy_values<double>(column, batch.rows, n, width, at);
    } else {
      for (std::int64_t row = 0; row < batch.rows; ++row) {
        for (std::int64_t i = 0; i < n; ++i)
          at[static_cast<std::size_t>(row) * width + static_cast<std::size_t>(i)] =
              number_at(field.type, column.data, row * n + i);
      }
    }
    for (std::int64_t row = 0; column.validity != nullptr && row < batch.rows; ++row) {
      for (std::int64_t i = 0; i < n && !column.valid(row); ++i)
        at[static_cast<std::size_t>(row) * width + static_cast<std::size_t>(i)] =
            std::numeric_limits<double>::quiet_NaN();
    }
    at += n;
  }
}

}  // namespace nn::evaluate
