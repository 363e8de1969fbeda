#include "train/lr_find.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "backend/step.hpp"
#include "base/error.hpp"
#include "base/signals.hpp"
#include "train/batch_loader.hpp"
#include "train/member.hpp"
#include "train/warm_start.hpp"

namespace nn::train {
namespace {

constexpr double least_rate = 1e-7, most_rate = 10;
constexpr std::uint64_t least_steps = 100, most_steps = 1000;
constexpr double smoothing = 0.9;  // of the loss, with the correction of its start
constexpr double diverged = 4;     // times the least loss

}  // namespace

std::vector<RatePoint> find_rate(const TrainOptions& options, const TrainingData& data,
                                 const model::Model& model) {
  const auto backend = backend::open_backend(options.device);
  LoaderOptions loader_options;
  loader_options.batch = options.batch;
  loader_options.parts = options.accumulate;
  loader_options.seed = options.seed;
  const std::uint64_t in_epoch = loader_options.steps_per_epoch(data.train.rows);
  const std::uint64_t count = std::clamp(in_epoch, least_steps, most_steps);
  const double factor = std::pow(most_rate / least_rate, 1.0 / static_cast<double>(count - 1));
  const Plan plan = training_plan(options, model);
  const auto program = backend->compile(plan, program_options(options, data.train),
                                        first_parameters(plan, options, data.start.get()).get());
  loader_options.kept = program->keep(data.train.examples(0, data.train.rows));
  BatchLoader steps(data.train, loader_options);
  steps.begin(0, 0);
  std::vector<RatePoint> points;
  double average = 0, least = std::numeric_limits<double>::infinity();
  for (std::uint64_t i = 0; i < count; ++i) {
    throw_if_stopped();
    auto parts = steps.next();
    if (parts.empty()) {
      steps.begin(i / in_epoch, 0);
      parts = steps.next();
    }
    const double rate = least_rate * std::pow(factor, static_cast<double>(i));
    const double loss = program->train_step(backend::Step{parts, rate, i}) / backend::weight_of(parts);
    average = smoothing * average + (1 - smoothing) * loss;
    const double smoothed = average / (1 - std::pow(smoothing, static_cast<double>(i + 1)));
    if (!std::isfinite(smoothed) || smoothed > diverged * least) break;
    least = std::min(least, smoothed);
    points.push_back({rate, smoothed});
  }
  return points;
}

namespace {

// The slope of the loss over the logarithm of the rate, by least squares over points [first, last).
double slope_of(std::span<const RatePoint> points) {
  double x = 0, y = 0, xx = 0, xy = 0;
  for (const RatePoint& point : points) {
    x += std::log(point.rate);
    y += point.loss;
  }
  const auto count = static_cast<double>(points.size());
  for (const RatePoint& point : points) {
    const double d = std::log(point.rate) - x / count;
    xx += d * d;
    xy += d * (point.loss - y / count);
  }
  return xx > 0 ? xy / xx : 0;
}

}  // namespace

double suggested_rate(const std::vector<RatePoint>& points) {
  // The average of the first steps is still that of few, and what it falls then is noise; behind the lowest
  // loss there is nothing to be had.
  const std::size_t first = points.size() / 10;
  const std::size_t half = std::max<std::size_t>(2, points.size() / 20);
  const auto least = std::min_element(points.begin(), points.end(),
                                      [](const RatePoint& a, const RatePoint& b) { return a.loss < b.loss; });
  const auto end = static_cast<std::size_t>(least - points.begin());
  double steepest = 0, rate = 0;
  for (std::size_t i = first + half; i <= end && i + half < points.size(); ++i) {
    const double slope = slope_of(std::span(points).subspan(i - half, 2 * half + 1));
    if (slope < steepest) {
      steepest = slope;
      rate = points[i].rate;
    }
  }
  return rate;
}

}  // namespace nn::train
