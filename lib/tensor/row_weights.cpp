#include "tensor/row_weights.hpp"

#include <fmt/format.h>

#include <cmath>

#include "base/error.hpp"
#include "base/text.hpp"
#include "tensor/column_roles.hpp"

namespace nn {

void append_row_weights(const Batch& batch, std::vector<double>& weights) {
  const auto at = batch.schema->find(weight_column);
  if (!at) return;
  const Column& column = batch.columns[*at];
  const std::string* source = batch.schema->fields[*at].metadata.find("nn.source_name");
  const std::string name = source != nullptr ? *source : std::string(weight_column);
  for (std::int64_t r = 0; r < batch.rows; ++r) {
    const double weight =
        column.valid(r) ? number_at(batch.schema->fields[*at].type, column.data, r) : std::nan("");
    if (!(weight >= 0 && std::isfinite(weight))) {
      throw data_error("{} is no weight of a row, which is a number of at least 0",
                       std::isnan(weight) ? "a missing value" : fmt::format("{}", weight))
          .within(fmt::format("row {}, column '{}'", batch.number_of(r), printable(name)));
    }
    weights.push_back(weight);
  }
}

std::vector<std::vector<double>> weights_of_batches(std::span<const Batch> batches) {
  std::vector<std::vector<double>> weights;
  for (const Batch& batch : batches) {
    if (!batch.schema->find(weight_column)) return {};
    append_row_weights(batch, weights.emplace_back());
  }
  return weights;
}

}  // namespace nn
