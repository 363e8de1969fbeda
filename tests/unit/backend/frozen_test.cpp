// Layers that don't train: their weights stay as they are to the byte, all others have the gradients that
// they should have.
#include <bit>
#include <cmath>
#include <cstring>

#include "catch.hpp"
#include "layers/data.hpp"
#include "layers/table.hpp"

using namespace nn;
using namespace nn::backend;
using namespace nn::test;

namespace {

ProgramOptions training(std::int64_t batch) {
  ProgramOptions options;
  options.batch = batch;
  options.training = true;
  options.seed = 11;
  return options;
}

Plan frozen_plan(const Case& c, const std::string& layer) {
  Plan plan = plan_of(c);
  freeze(plan, std::span(&layer, 1));
  return plan;
}

// f(plan, layer) for each layer of the case that can be frozen with another one left.
template <typename F>
void for_each_layer(const Case& c, F f) {
  const std::vector<std::string> layers = layers_with_parameters(plan_of(c));
  if (layers.size() < 2) return;
  for (const std::string& layer : layers) {
    INFO(c.net << " inputs " << c.inputs << " rows " << c.rows << ": " << layer);
    f(frozen_plan(c, layer), layer);
  }
}

}  // namespace

TEST_CASE("behind and in front of a frozen layer gradients agree with finite differences") {
  constexpr double h = 1e-5;
  for (const Case& c : all_cases()) {
    for_each_layer(c, [&](const Plan& plan, const std::string& layer) {
      const Data<double> data(c);
      cpu::CpuProgram<double> program(plan, training(c.rows), widen(parameters_of(plan)).data(),
                                      cpu::chosen_isa());
      const auto objective = [&] {
        return program.compute_gradients(data.examples(true), 4) / static_cast<double>(c.rows);
      };
      objective();
      const std::vector<double> gradients(program.gradients().begin(), program.gradients().end());
      RandomStream random(1, RandomUse::shuffle);
      for (const Parameter& p : plan.parameters) {
        INFO(p.name);
        if (layer_of(p) == layer) {
          CHECK(std::all_of(gradients.begin() + p.offset, gradients.begin() + p.offset + p.size(),
                            [](double g) { return g == 0; }));
          continue;
        }
        for (int k = 0; p.trains && k < 3; ++k) {
          const auto i =
              static_cast<std::size_t>(p.offset) + random.below(static_cast<std::uint64_t>(p.size()));
          double& w = program.parameters()[i];
          const double before = w;
          w = before + h;
          const double above = objective();
          w = before - h;
          const double below = objective();
          w = before;
          CHECK(gradients[i] == Approx((above - below) / (2 * h)).epsilon(2e-6).margin(1e-9));
        }
      }
    });
  }
}

TEST_CASE("no optimizer changes a byte of a frozen layer") {
  const Case cases[] = {
      {"dense 8 relu, batch_norm, dense 6 tanh, layer_norm, dense", 5, 3, Loss::categorical_crossentropy, 12},
      {"conv2d 4 3x3 relu, batch_norm, conv2d 3 3x3 gelu, dense", 6 * 6 * 2, 3, Loss::mse, 9, {6, 6, 2}}};
  for (const Case& c : cases) {
    for_each_layer(c, [&](const Plan& plan, const std::string& layer) {
      const Data<float> data(c);
      std::vector<float> weights = parameters_of(plan);
      // What arithmetic would lose: a negative zero, and a number too small to be normal.
      for (const Parameter& p : plan.parameters) {
        weights[static_cast<std::size_t>(p.offset)] = -0.0f;
        weights[static_cast<std::size_t>(p.offset + 1)] = 1e-40f;
      }
      for (const OptimizerKind kind : {OptimizerKind::sgd, OptimizerKind::momentum, OptimizerKind::nesterov,
                                       OptimizerKind::rmsprop, OptimizerKind::adam, OptimizerKind::adamw}) {
        INFO(nn::backend::name_of(kind));
        ProgramOptions options = training(c.rows);
        options.optimizer.kind = kind;
        options.optimizer.weight_decay = 0.1;
        options.l2 = 0.1;
        options.ema = 0.9;
        options.clip_norm = 0.5;
        options.parts = 2;
        cpu::CpuProgram<float> program(plan, options, weights.data(), cpu::chosen_isa());
        for (std::uint64_t step = 0; step < 3; ++step) {
          const cpu::ExamplesOf<float> parts[] = {data.examples(true), data.examples(true)};
          program.compute_gradients(parts, step);
          program.apply_gradients(0.05, step);
        }
        for (const bool averaged : {false, true}) {
          if (averaged) program.exchange_average();
          for (const Parameter& p : plan.parameters) {
            INFO(p.name << (averaged ? ", its average" : ""));
            const float* now = program.current_parameters().data() + p.offset;
            const std::size_t bytes = static_cast<std::size_t>(p.size()) * sizeof(float);
            CHECK((std::memcmp(now, weights.data() + p.offset, bytes) == 0) == (layer_of(p) == layer));
          }
        }
      }
    });
  }
}

TEST_CASE("a frozen batch_norm goes by its moving statistics in training, too") {
  const Case c{"dense 4, batch_norm, dense", 3, 2, Loss::mse, 8};
  const Plan plan = frozen_plan(c, "batch_norm_0");
  std::vector<float> weights = parameters_of(plan);
  for (const Parameter& p : plan.parameters) {
    if (p.name == "batch_norm_0/moving_mean") weights[static_cast<std::size_t>(p.offset)] = 3;
    if (p.name == "batch_norm_0/moving_variance") weights[static_cast<std::size_t>(p.offset)] = 7;
  }
  const Data<float> data(c);
  cpu::CpuProgram<float> program(plan, training(c.rows), weights.data(), cpu::chosen_isa());
  const double evaluated = program.evaluate(data.examples(true), nullptr);
  CHECK(program.compute_gradients(data.examples(true), 0) == Approx(evaluated));
}
