// Programs of several networks on the CUDA backend: each is computed as if it were alone.
#include "programs.hpp"

using namespace nn;
using namespace nn::backend;
using namespace nn::test;

namespace {

constexpr std::size_t count = 3;

// What members have of their own, and what all of them have. `kind` goes round the optimisers.
std::vector<ProgramOptions> options_of(const Case& c, bool shared, OptimizerKind kind) {
  std::vector<ProgramOptions> all(count, training(c.rows));
  for (std::size_t m = 0; m < count; ++m) {
    ProgramOptions& o = all[m];
    o.optimizer.kind = kind;
    o.clip_norm = 5;
    o.ema = 0.9;
    o.parts = 2;
    o.shared_batches = shared;
    o.seed += m;
    o.l2 = 0.01 * static_cast<double>(m);
    o.label_smoothing = 0.1 * static_cast<double>(m);
    o.optimizer.weight_decay = 0.02 * static_cast<double>(m);
  }
  return all;
}

}  // namespace

TEST_CASE("CUDA: members of a program are trained as if each were alone") {
  constexpr OptimizerKind kinds[] = {OptimizerKind::adamw,    OptimizerKind::sgd,     OptimizerKind::momentum,
                                     OptimizerKind::nesterov, OptimizerKind::rmsprop, OptimizerKind::adam};
  host_cuda::set_order(Order::random);
  std::size_t next_kind = 0;
  for (const Case& c : all_cases()) {
    const OptimizerKind kind = kinds[next_kind++ % std::size(kinds)];
    for (const bool shared : {false, true}) {
      INFO(describe(c) << (shared ? ", shared batches, " : ", ") << nn::backend::name_of(kind));
      const Plan plan = plan_of(c);
      const Data<float> data(c, c.rows * static_cast<std::int64_t>(count));
      const std::vector<ProgramOptions> options = options_of(c, shared, kind);
      std::vector<std::vector<float>> weights;
      std::vector<const float*> starts;
      std::vector<cuda::ExamplesOf<float>> batches;  // two parts of each member
      for (std::size_t m = 0; m < count; ++m) {
        weights.push_back(test::parameters_of(plan));
        for (float& w : weights.back()) w *= 1 + 0.1f * static_cast<float>(m);
        const std::int64_t at = shared ? 0 : static_cast<std::int64_t>(m) * c.rows;
        batches.insert(batches.end(), 2,
                       {c.rows, data.x.data() + at * c.inputs, data.labels.data() + at,
                        data.targets.data() + at * c.targets(), data.weights.data() + at});
      }
      for (const auto& w : weights) starts.push_back(w.data());
      cuda::CudaProgram<float> together(plan, options, starts);
      std::deque<OneCuda<float>> alone;
      std::vector<double> expected(count), totals(count);
      for (std::size_t m = 0; m < count; ++m) alone.emplace_back(plan, options[m], starts[m]);
      for (std::uint64_t number = 0; number < 4; ++number) {
        std::vector<cuda::StepOf<float>> steps;
        for (std::size_t m = 0; m < count; ++m) {
          // The second one stops after two steps.
          const bool active = m != 1 || number < 2;
          together.set_active(m, active);
          steps.push_back({{&batches[2 * m], 2}, 0.01 * static_cast<double>(m + 1), number});
          if (active) expected[m] += alone[m].train_step(steps[m].parts, steps[m].learning_rate, number);
        }
        together.train_step(steps);
      }
      together.set_active(1, true);
      together.read_losses(totals);
      CHECK(totals == expected);
      const auto outputs = static_cast<std::size_t>(c.rows * c.answers());
      std::vector<float> y(count * outputs), z(outputs);
      together.evaluate(batches[0], y.data(), totals);
      for (std::size_t m = 0; m < count; ++m) {
        CHECK(alone[m].evaluate(batches[0], z.data()) == totals[m]);
        CHECK(std::equal(z.begin(), z.end(), y.begin() + static_cast<std::ptrdiff_t>(m * outputs)));
        CHECK(parameters_of(together, m) == parameters_of(alone[m]));
        CHECK(state_of(together, m) == state_of(alone[m]));
      }
    }
  }
  host_cuda::set_order(Order::forward);
}
