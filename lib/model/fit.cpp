// Learns from the training rows how columns become numbers.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/error.hpp"
#include "base/log.hpp"
#include "model/category.hpp"
#include "model/encoder.hpp"
#include "model/values.hpp"
#include "tensor/column_roles.hpp"
#include "tensor/row_weights.hpp"

namespace nn::model {
namespace {

// More than this is free text or a row's identity, and each would cost a column of weights.
constexpr std::size_t most_categories = 1000;
// Bytes of one encoded row over sizeof(float): beyond it a batch would not fit into memory anyway.
constexpr std::int64_t widest_row = std::int64_t{1} << 28;

struct Source {
  std::size_t column;  // in the table
  const Field& field;
  std::span<const Batch> batches;
  // Of the rows of each batch, or none: 1 each. What the columns are scaled by is that of repeated rows.
  const std::vector<std::vector<double>>& weights;

  double weight_of(std::size_t batch, std::int64_t row) const {
    return weights.empty() ? 1 : weights[batch][static_cast<std::size_t>(row)];
  }
};

// Calls body(batch, column, row) for each present row.
template <typename Body>
void for_each_present(const Source& source, Body&& body) {
  for (const Batch& batch : source.batches) {
    const Column& column = batch.columns[source.column];
    for (std::int64_t r = 0; r < batch.rows; ++r) {
      if (column.valid(r)) body(batch, column, r);
    }
  }
}

[[noreturn]] void fail_sum(const Source& source) {
  const std::int64_t n = element_count(source.field.shape);
  for_each_present(source, [&](const Batch& batch, const Column& column, std::int64_t r) {
    for (std::int64_t i = 0; i < n; ++i) {
      const double value = number_at(source.field.type, column.data, r * n + i);
      if (std::isfinite(value) || (source.field.shape.empty() && std::isnan(value))) continue;
      const std::string element = source.field.shape.empty() ? "" : fmt::format(", element {}", i);
      fail_data("{}{}: {}", cell_name(batch, r, source.field.name), element, unusable_text(value));
    }
  });
  throw data_error("the values are too large to add up").within(column_name(source.field.name));
}

// Sums run over the rows in order, in double: the same rows give the same bits.
struct Moments {
  std::int64_t count = 0;
  double weight = 0, mean = 0;
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
};

// Calls body(double value, double weight) for each value that is neither missing nor NaN.
template <typename Body>
void for_each_number(const Source& source, Body&& body) {
  for (std::size_t b = 0; b < source.batches.size(); ++b) {
    const Batch& batch = source.batches[b];
    const Column& column = batch.columns[source.column];
    visit_numbers(source.field.type, column, [&](const auto* values) {
      for (std::int64_t r = 0; r < batch.rows; ++r) {
        if (!column.valid(r)) continue;
        const double value = static_cast<double>(values[r]);
        if (value == value) body(value, source.weight_of(b, r));
      }
    });
  }
}

Moments moments_of(const Source& source) {
  Moments moments;
  double sum = 0;
  for_each_number(source, [&](double value, double weight) {
    sum += weight * value;
    moments.weight += weight;
    moments.low = std::min(moments.low, value);
    moments.high = std::max(moments.high, value);
    ++moments.count;
  });
  if (!std::isfinite(sum)) fail_sum(source);
  if (moments.count > 0) moments.mean = moments.weight > 0 ? sum / moments.weight : moments.low;
  return moments;
}

// False when the column carries nothing.
bool fit_number(const Source& source, Scaling scaling, InputColumn& input) {
  input.kind = InputColumn::Kind::number;
  const Moments moments = moments_of(source);
  if (moments.count == 0) return false;
  const bool constant = moments.low == moments.high;
  input.fill = {constant ? moments.low : moments.mean};
  if (scaling == Scaling::none) return true;
  double squares = 0;
  for_each_number(source, [&](double value, double weight) {
    const double d = value - input.fill[0];
    squares += weight * d * d;
  });
  if (!std::isfinite(squares)) fail_sum(source);
  input.offset = input.fill;
  input.scale = {scale_of(source.field.type, squares, moments.weight, moments.low, moments.high)};
  return true;
}

bool fit_category(const Source& source, InputColumn& input) {
  input.kind = InputColumn::Kind::category;
  std::set<std::string, std::less<>> texts;
  const auto add = [&](std::string_view text) {
    if (texts.find(text) != texts.end()) return;
    texts.emplace(text);
    if (texts.size() > most_categories) {
      const std::string name = printable(source.field.name);
      throw data_error("{} has more than {} different texts, too many for categories",
                       column_name(source.field.name), most_categories)
          .advise("; leave it out with --drop {}, or pass it through with --id {}", name, name);
    }
  };
  SeenEntries seen;
  for (const Batch& batch : source.batches) {
    const Column& column = batch.columns[source.column];
    seen.look_at(column);
    for (std::int64_t r = 0; r < batch.rows; ++r) {
      if (!column.valid(r)) continue;
      if (source.field.type == DType::utf8) {
        add(column.text(r));
        continue;
      }
      const auto code = static_cast<std::size_t>(column.as<std::int32_t>()[r]);
      if (seen.is_first(code)) add((*column.dictionary)[code]);
    }
  }
  input.categories.assign(texts.begin(), texts.end());
  return !texts.empty();
}

struct ElementMoments {
  std::vector<double> sum, low, high, squares;
  double weight = 0;
};

// Calls body(const T* row, double weight) for each row of the tensor column.
template <typename Body>
void for_each_tensor(const Source& source, std::int64_t n, Body&& body) {
  for (std::size_t b = 0; b < source.batches.size(); ++b) {
    const Batch& batch = source.batches[b];
    visit_numbers(source.field.type, batch.columns[source.column], [&](const auto* values) {
      for (std::int64_t r = 0; r < batch.rows; ++r) body(values + r * n, source.weight_of(b, r));
    });
  }
}

void standardize_tensor(const Source& source, InputColumn& input) {
  const std::int64_t n = input.width();
  const auto size = static_cast<std::size_t>(n);
  constexpr double infinity = std::numeric_limits<double>::infinity();
  ElementMoments m{std::vector<double>(size, 0), std::vector<double>(size, infinity),
                   std::vector<double>(size, -infinity), std::vector<double>(size, 0), 0};
  for_each_tensor(source, n, [&](const auto* row, double weight) {
    for (std::size_t i = 0; i < size; ++i) {
      const double value = static_cast<double>(row[i]);
      m.sum[i] += weight * value;
      m.low[i] = value < m.low[i] ? value : m.low[i];
      m.high[i] = value > m.high[i] ? value : m.high[i];
    }
    m.weight += weight;
  });
  input.offset.resize(size);
  for (std::size_t i = 0; i < size; ++i) {
    if (!std::isfinite(m.sum[i])) fail_sum(source);
    input.offset[i] = m.low[i] == m.high[i] || m.weight == 0 ? m.low[i] : m.sum[i] / m.weight;
  }
  for_each_tensor(source, n, [&](const auto* row, double weight) {
    for (std::size_t i = 0; i < size; ++i) {
      const double d = static_cast<double>(row[i]) - input.offset[i];
      m.squares[i] += weight * d * d;
    }
  });
  input.scale.resize(size);
  for (std::size_t i = 0; i < size; ++i) {
    if (!std::isfinite(m.squares[i])) fail_sum(source);
    input.scale[i] = scale_of(source.field.type, m.squares[i], m.weight, m.low[i], m.high[i]);
  }
}

bool fit_tensor(const Source& source, Scaling scaling, InputColumn& input) {
  input.kind = InputColumn::Kind::tensor;
  input.shape = source.field.shape;
  input.first_feature = first_feature_of(source.field);
  for (const Batch& batch : source.batches) {
    const Column& column = batch.columns[source.column];
    for (std::int64_t r = 0; column.validity != nullptr && r < batch.rows; ++r) {
      if (!column.valid(r)) {
        throw data_error("the tensor is missing, and nothing can stand for it")
            .within(cell_name(batch, r, source.field.name));
      }
    }
  }
  const bool vectors = is_float(source.field.type) && source.field.shape.size() == 1;
  if (scaling == Scaling::all || (scaling == Scaling::numbers && vectors)) {
    standardize_tensor(source, input);
  } else if (source.field.type == DType::u8) {
    input.offset = {0.0};
    input.scale = {1.0 / 255.0};
  }
  return true;
}

bool fit_column(const Source& source, Scaling scaling, InputColumn& input) {
  const Field& field = source.field;
  input.name = field.name;
  if (field.type == DType::opaque) {
    throw data_error("{} has type {}, which no network can learn from", column_name(field.name),
                     printable(field.foreign_type))
        .advise("; leave it out with --drop {}", printable(field.name));
  }
  if (is_text(field.type)) return fit_category(source, input);
  if (!field.shape.empty()) return fit_tensor(source, scaling, input);
  return fit_number(source, scaling, input);
}

}  // namespace

Encoder Encoder::fit(const Schema& schema, std::span<const Batch> batches, Scaling scaling) {
  std::int64_t rows = 0;
  for (const Batch& batch : batches) rows += batch.rows;
  if (rows == 0) fail_data("there are no rows to learn from");

  const std::vector<std::vector<double>> weights = weights_of_batches(batches);
  std::vector<InputColumn> columns;
  std::set<std::string_view> names;
  std::int64_t width = 0;
  for (std::size_t i = 0; i < schema.fields.size(); ++i) {
    const Field& field = schema.fields[i];
    if (has_role(field.name)) continue;
    if (!names.insert(field.name).second) {
      throw data_error("two columns are called '{}'", printable(field.name))
          .advise("; rename one, or leave one out with --drop");
    }
    InputColumn input;
    if (!fit_column({i, field, batches, weights}, scaling, input)) {
      warn("{} has no values in the training rows and is left out", column_name(field.name));
      continue;
    }
    width += input.width();
    if (width > widest_row)
      fail_data("a row becomes more than {} numbers, too many for a network", widest_row);
    columns.push_back(std::move(input));
  }
  if (columns.empty()) fail_data("the table has no columns to learn from besides y and id");
  return Encoder(std::move(columns));
}

}  // namespace nn::model
