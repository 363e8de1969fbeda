// Programs of several networks: each is computed as if it were alone.
#include "base/memory.hpp"
#include "catch.hpp"
#include "layers/data.hpp"
#include "layers/table.hpp"

using namespace nn;
using namespace nn::backend;
using namespace nn::test;

namespace {

constexpr std::size_t count = 3;

// What members have of their own, and what all of them have.
std::vector<ProgramOptions> options_of(const Case& c, bool shared) {
  std::vector<ProgramOptions> all(count);
  for (std::size_t m = 0; m < count; ++m) {
    ProgramOptions& o = all[m];
    o.batch = c.rows;
    o.training = true;
    o.optimizer.kind = OptimizerKind::adamw;
    o.clip_norm = 5;
    o.ema = 0.9;
    o.parts = 2;
    o.shared_batches = shared;
    o.seed = 11 + m;
    o.l2 = 0.01 * static_cast<double>(m);
    o.label_smoothing = 0.1 * static_cast<double>(m);
    o.optimizer.weight_decay = 0.02 * static_cast<double>(m);
  }
  return all;
}

struct State {
  std::vector<float> parameters, slots, y;
  double training_loss = 0, loss = 0;
  bool operator==(const State&) const = default;
};

State state_of(Program& program, const Plan& plan, const Examples& rows, std::size_t member) {
  State s;
  s.parameters.resize(static_cast<std::size_t>(plan.parameter_count));
  s.slots.resize(static_cast<std::size_t>(program.state_size()));
  program.read_parameters(member, s.parameters);
  program.read_state(member, s.slots);
  const auto outputs = static_cast<std::size_t>(rows.rows * plan.answers());
  std::vector<float> y(program.members() * outputs);
  std::vector<double> losses(program.members());
  program.read_losses(losses);
  s.training_loss = losses[member];
  program.evaluate(rows, y.data(), losses);
  s.loss = losses[member];
  const auto from = y.begin() + static_cast<std::ptrdiff_t>(member * outputs);
  s.y.assign(from, from + static_cast<std::ptrdiff_t>(outputs));
  return s;
}

}  // namespace

TEST_CASE("members of a program are trained as if each were alone") {
  const auto backend = open_backend(Device{});
  for (const bool shared : {false, true}) {
    for (const Case& c : all_cases()) {
      INFO(c.net << " rows " << c.rows << (shared ? ", shared batches" : ""));
      const Plan plan = plan_of(c);
      const Data<float> data(c, c.rows * (shared ? 1 : static_cast<std::int64_t>(count)));
      const std::vector<ProgramOptions> options = options_of(c, shared);
      std::vector<Buffer> weights;
      std::vector<const float*> starts;
      std::vector<Examples> batches;  // two parts of each member
      for (std::size_t m = 0; m < count; ++m) {
        const std::vector<float> values = parameters_of(plan);
        weights.emplace_back(values.size() * sizeof(float));
        for (std::size_t i = 0; i < values.size(); ++i)
          weights[m].as<float>()[i] = values[i] * (1 + 0.1f * static_cast<float>(m));
        starts.push_back(weights[m].as<float>());
        const std::int64_t at = shared ? 0 : static_cast<std::int64_t>(m) * c.rows;
        const Examples e{c.rows, data.x.data() + at * c.inputs, data.labels.data() + at,
                         data.targets.data() + at * c.targets(), data.weights.data() + at};
        batches.insert(batches.end(), 2, e);
      }
      const auto together = backend->compile(plan, options, starts);
      std::vector<std::unique_ptr<Program>> alone;
      for (std::size_t m = 0; m < count; ++m) alone.push_back(backend->compile(plan, options[m], starts[m]));
      for (std::uint64_t number = 0; number < 4; ++number) {
        std::vector<Step> steps;
        for (std::size_t m = 0; m < count; ++m) {
          // The second one stops after two steps.
          const bool active = m != 1 || number < 2;
          together->set_active(m, active);
          steps.push_back({{&batches[2 * m], 2}, 0.01 * static_cast<double>(m + 1), number});
          if (active) alone[m]->train_step({&steps[m], 1});
        }
        together->train_step(steps);
      }
      together->set_active(1, true);
      for (std::size_t m = 0; m < count; ++m)
        CHECK(state_of(*together, plan, batches[0], m) == state_of(*alone[m], plan, batches[0], 0));
    }
  }
}

TEST_CASE("networks of a program differ in little") {
  const Plan plan = plan_of(all_cases().front());
  const std::vector<float> weights = parameters_of(plan);
  const auto backend = open_backend(Device{});
  std::vector<ProgramOptions> options(2);
  options[1].batch = 7;
  const std::vector<const float*> starts(2, weights.data());
  CHECK_THROWS(backend->compile(plan, options, starts));
}
