#include "train/metrics.hpp"

#include <algorithm>
#include <cmath>

#include "model/pinball.hpp"

namespace nn::train {
namespace {

// `weights` of the rows, or null: 1 each.
double count_right(const backend::Examples& e, const float* y, std::int64_t outputs, const float* weights) {
  double right = 0;
  for (std::int64_t r = 0; r < e.rows; ++r, y += outputs) {
    const auto label = static_cast<std::int32_t>(std::max_element(y, y + outputs) - y);
    if (label == e.labels[r]) right += weights == nullptr ? 1 : double{weights[r]};
  }
  return right;
}

struct Sums {
  double loss = 0, squares = 0, sizes = 0, right = 0;
};

void add_errors(const backend::Examples& e, const float* y, const model::Target& target, std::int64_t outputs,
                const float* weights, Sums& sums) {
  const std::int64_t width = target.width();
  const auto point = static_cast<std::int64_t>(target.answers.point());
  for (std::int64_t i = 0; i < e.rows * width; ++i) {
    const double scale = target.scale.empty() ? 1.0 : target.scale[static_cast<std::size_t>(i % width)];
    const double answer = outputs == width ? y[i] : y[i * outputs + point];
    const double error = (answer - static_cast<double>(e.targets[i])) / scale;
    const double weight = weights == nullptr ? 1 : double{weights[i / width]};
    sums.squares += weight * error * error;
    sums.sizes += weight * std::abs(error);
  }
}

// Answers are quantiles in ascending order, which the outputs needn't be (model::Target::finish()): the loss
// of these, of all rows of `e`.
double sort_quantiles(const backend::Examples& e, const std::vector<double>& quantiles, float* y) {
  const std::size_t count = quantiles.size();
  double sum = 0;
  for (std::int64_t row = 0; row < e.rows; ++row, y += count) {
    std::sort(y, y + count);
    double loss = 0;
    for (std::size_t j = 0; j < count; ++j)
      loss +=
          model::pinball_loss(quantiles[j], static_cast<double>(e.targets[row]) - static_cast<double>(y[j]));
    sum += loss * (e.weights == nullptr ? 1.0 : static_cast<double>(e.weights[row]));
  }
  return sum / static_cast<double>(count);
}

DatasetFigures figures_of(const Sums& sums, double rows, const model::Target& target) {
  if (target.kind == model::Target::Kind::classes)
    return {sums.loss / rows, {{"accuracy", sums.right / rows}}};
  const double values = rows * static_cast<double>(target.width());
  return {sums.loss / rows, {{"rmse", std::sqrt(sums.squares / values)}, {"mae", sums.sizes / values}}};
}

}  // namespace

std::vector<DatasetFigures> evaluate(backend::Program& program, const Dataset& data,
                                     const model::Target& target, std::int64_t outputs, std::int64_t batch) {
  const std::size_t members = program.members();
  std::vector<float> y(members * static_cast<std::size_t>(batch * outputs));
  std::vector<double> losses(members);
  std::vector<Sums> sums(members);
  for (std::int64_t first = 0; first < data.rows; first += batch) {
    const backend::Examples e = data.examples(first, std::min(batch, data.rows - first));
    program.evaluate(e, y.data(), losses);
    float* of_member = y.data();
    const float* weights = data.row_weights.empty() ? nullptr : data.row_weights.data() + first;
    for (std::size_t m = 0; m < members; ++m, of_member += e.rows * outputs) {
      const std::vector<double>& quantiles = target.answers.quantiles;
      sums[m].loss += quantiles.empty() ? losses[m] : sort_quantiles(e, quantiles, of_member);
      if (e.labels != nullptr) {
        sums[m].right += count_right(e, of_member, outputs, weights);
      } else {
        add_errors(e, of_member, target, outputs, weights, sums[m]);
      }
    }
  }
  std::vector<DatasetFigures> figures;
  figures.reserve(sums.size());
  for (const Sums& s : sums) figures.push_back(figures_of(s, static_cast<double>(data.rows), target));
  return figures;
}

}  // namespace nn::train
