// Steps of one network on one device: bench-gpu DEVICE NET HEIGHTxWIDTHxCHANNELS OUTPUTS BATCH
// SECONDS, a JSON object: seconds of a training step and of a prediction, transfers included, and
// the operations of the products.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "backend/backend.hpp"
#include "base/error.hpp"
#include "base/memory.hpp"
#include "base/parse.hpp"

namespace {

using Clock = std::chrono::steady_clock;

// Of one call, the median of some.
template <typename F>
double seconds_of(double seconds, F f) {
  for (int i = 0; i < 3; ++i) f();  // the first ones load libraries and record graphs
  std::vector<double> times;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  do {
    const auto start = Clock::now();
    f();
    times.push_back(std::chrono::duration<double>(Clock::now() - start).count());
  } while (Clock::now() < end);
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

nn::Shape shape_of(std::string_view text) {
  nn::Shape shape;
  while (!text.empty()) {
    const auto end = std::min(text.find('x'), text.size());
    shape.push_back(nn::parse_integer(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return shape;
}

void measure(char** argv) {
  const auto backend = nn::open_backend(nn::parse_device(argv[1]));
  nn::Network network = nn::parse_network(argv[2]);
  const nn::Shape shape = shape_of(argv[3]);
  const std::int64_t outputs = nn::parse_integer(argv[4]), batch = nn::parse_integer(argv[5]);
  nn::resolve(network, shape, outputs, {});
  const nn::Plan plan = nn::lower(network, nn::Loss::categorical_crossentropy);
  nn::Buffer weights(static_cast<std::size_t>(plan.parameter_count) * sizeof(float));
  nn::initialise(plan, 1, {weights.as<float>(), static_cast<std::size_t>(plan.parameter_count)});
  nn::ProgramOptions options;
  options.batch = batch;
  options.training = true;
  const auto program = backend->compile(plan, options, weights.as<float>());
  std::vector<float> x(static_cast<std::size_t>(batch * plan.inputs)),
      y(static_cast<std::size_t>(batch * outputs));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 17) / 17;
  std::vector<std::int32_t> labels(static_cast<std::size_t>(batch));
  for (std::size_t i = 0; i < labels.size(); ++i)
    labels[i] = static_cast<std::int32_t>(i) % static_cast<std::int32_t>(outputs);
  nn::Examples examples;
  examples.rows = batch;
  examples.x = x.data();
  examples.labels = labels.data();
  std::uint64_t step = 0;
  const double seconds = std::stod(argv[6]);
  const double train = seconds_of(seconds, [&] {
    program->train_step(nn::Step{{&examples, 1}, 0.001, step++});
  });
  const double predict = seconds_of(seconds, [&] { program->forward(batch, x.data(), y.data()); });
  const double operations = nn::operations_per_row(plan) * static_cast<double>(batch);
  fmt::print(R"({{"train_s": {}, "predict_s": {}, "forward_operations": {}}})"
             "\n",
             train, predict, operations);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 7) nn::fail_usage("usage: bench-gpu DEVICE NET SHAPE OUTPUTS BATCH SECONDS");
    measure(argv);
  } catch (const nn::Error& error) {
    fmt::print(stderr, "bench-gpu: {}\n", error.what());
    return nn::exit_status(error.kind());
  }
}
