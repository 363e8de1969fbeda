#include "train/metrics.hpp"

#include <algorithm>
#include <cmath>

namespace nn {
namespace {

std::int64_t count_right(const Examples& e, const float* y, std::int64_t outputs) {
  std::int64_t right = 0;
  for (std::int64_t r = 0; r < e.rows; ++r, y += outputs) {
    const auto label = outputs == 1 ? static_cast<std::int32_t>(y[0] > 0.5f)
                                    : static_cast<std::int32_t>(std::max_element(y, y + outputs) - y);
    right += label == e.labels[r] ? 1 : 0;
  }
  return right;
}

struct ErrorSums {
  double squares = 0, sizes = 0;
};

void add_errors(const Examples& e, const float* y, const Target& target, std::int64_t outputs,
                ErrorSums& sums) {
  for (std::int64_t i = 0; i < e.rows * outputs; ++i) {
    const double scale = target.scale.empty() ? 1.0 : target.scale[static_cast<std::size_t>(i % outputs)];
    const double error = (static_cast<double>(y[i]) - static_cast<double>(e.targets[i])) / scale;
    sums.squares += error * error;
    sums.sizes += std::abs(error);
  }
}

}  // namespace

DatasetFigures evaluate(Program& program, const Dataset& data, const Target& target, std::int64_t outputs,
                    std::int64_t batch) {
  std::vector<float> y(static_cast<std::size_t>(batch * outputs));
  DatasetFigures result;
  std::int64_t right = 0;
  ErrorSums sums;
  for (std::int64_t first = 0; first < data.rows; first += batch) {
    const Examples e = data.examples(first, std::min(batch, data.rows - first));
    result.loss += program.evaluate(e, y.data());
    if (e.labels != nullptr) {
      right += count_right(e, y.data(), outputs);
    } else {
      add_errors(e, y.data(), target, outputs, sums);
    }
  }
  const auto rows = static_cast<double>(data.rows);
  result.loss /= rows;
  if (target.kind == Target::Kind::classes) {
    result.figures.emplace_back("accuracy", static_cast<double>(right) / rows);
  } else {
    const double values = rows * static_cast<double>(outputs);
    result.figures.emplace_back("rmse", std::sqrt(sums.squares / values));
    result.figures.emplace_back("mae", sums.sizes / values);
  }
  return result;
}

}  // namespace nn
