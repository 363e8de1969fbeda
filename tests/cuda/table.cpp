// cuda-table DEVICE: every network of the backends' table there and on the CPU, as tools run
// them. Prints what differs; exits with 1 if anything does.
#include <fmt/format.h>

#include <cmath>

#include "backend/cases.hpp"
#include "base/error.hpp"

using namespace nn;
using namespace nn::test;

namespace {

// cuBLAS adds in another order than the CPU backend does, and after some steps it shows.
constexpr double close = 1e-5, close_after_steps = 1e-4;

double difference(const std::vector<float>& expected, const std::vector<float>& got) {
  double scale = 0.1, worst = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double e = expected[i], g = got[i];
    scale = std::max(scale, std::abs(e));
    worst = std::max(worst, g == g ? std::abs(e - g) : HUGE_VAL);
  }
  return worst / scale;
}

struct Results {
  std::vector<float> before, after, weights, losses;
};

Results run(Backend& backend, const Case& c) {
  const Plan plan = plan_of(c);
  Buffer weights(static_cast<std::size_t>(plan.parameter_count) * sizeof(float));
  const std::vector<float> initial = parameters_of(plan);
  std::copy(initial.begin(), initial.end(), weights.as<float>());
  ProgramOptions options;
  options.batch = c.rows;
  options.training = true;
  options.seed = 11;
  options.optimizer.kind = OptimizerKind::momentum;
  const auto program = backend.compile(plan, options, weights.as<float>());
  const Data<float> data(c);
  const Examples rows{c.rows, data.x.data(), data.labels.data(), data.targets.data(), data.weights.data()};
  Results r;
  r.before.resize(static_cast<std::size_t>(c.rows * c.outputs));
  r.after = r.before;
  r.weights.resize(initial.size());
  program->forward(c.rows, rows.x, r.before.data());
  for (std::uint64_t step = 0; step < 4; ++step)
    r.losses.push_back(static_cast<float>(program->train_step(Step{{&rows, 1}, 0.01, step})));
  double loss = 0;
  program->evaluate(rows, r.after.data(), {&loss, 1});
  r.losses.push_back(static_cast<float>(loss));
  program->read_parameters(0, r.weights);
  return r;
}

int compare(const Device& device) {
  const auto cpu = open_backend(Device{}), cuda = open_backend(device);
  int failed = 0, count = 0;
  for (const Case& c : all_cases()) {
    const Results expected = run(*cpu, c), got = run(*cuda, c);
    const double first = difference(expected.before, got.before);
    double last = 0;
    for (const auto member : {&Results::losses, &Results::after, &Results::weights})
      last = std::max(last, difference(expected.*member, got.*member));
    ++count;
    if (first <= close && last <= close_after_steps) continue;
    ++failed;
    fmt::print("{} rows {}: values {:.1e}, after 4 steps {:.1e}\n", c.net, c.rows, first, last);
  }
  fmt::print("{} of {} networks agree with the CPU\n", count - failed, count);
  return failed > 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return compare(parse_device(argc > 1 ? argv[1] : "cuda:0"));
  } catch (const Error& error) {
    fmt::print(stderr, "cuda-table: {}\n", error.what());
    return exit_status(error.kind());
  }
}
