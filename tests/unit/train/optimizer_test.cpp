// Each optimiser against its formula, written down plainly in double; and steps that allocate
// nothing.
#include <cmath>
#include <cstdlib>
#include <new>

#include "backend/cpu/cpu_program.hpp"
#include "catch.hpp"
#include "nn/initialise.hpp"

using namespace nn;

namespace {

bool counting = false;
std::size_t allocations = 0;

[[maybe_unused]] void* counted(std::size_t size, std::size_t alignment) {
  if (counting) ++allocations;
  void* p = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}

struct Slots {
  double m = 0, v = 0;
};

// One weight's step, as Keras defines it.
double stepped(const backend::Optimizer& o, double w, double g, double rate, double t, bool decays,
               Slots& s) {
  switch (o.kind) {
    case backend::OptimizerKind::sgd: return w - rate * g;
    case backend::OptimizerKind::momentum: s.m = o.momentum * s.m - rate * g; return w + s.m;
    case backend::OptimizerKind::nesterov:
      s.m = o.momentum * s.m - rate * g;
      return w + o.momentum * s.m - rate * g;
    case backend::OptimizerKind::rmsprop:
      s.v = o.rho * s.v + (1 - o.rho) * g * g;
      return w - rate * g / std::sqrt(s.v + o.epsilon);
    case backend::OptimizerKind::adamw:
      if (decays) w -= rate * o.weight_decay * w;
      [[fallthrough]];
    case backend::OptimizerKind::adam:
      s.m = o.beta_1 * s.m + (1 - o.beta_1) * g;
      s.v = o.beta_2 * s.v + (1 - o.beta_2) * g * g;
      return w - rate * std::sqrt(1 - std::pow(o.beta_2, t)) / (1 - std::pow(o.beta_1, t)) * s.m /
                     (std::sqrt(s.v) + o.epsilon);
  }
  return w;
}

Plan small_plan(const char* net, Shape input) {
  Network network = parse_network(net);
  resolve(network, std::move(input), 2);
  return lower(network, Loss::mse);
}

}  // namespace

// A sanitizer has operators of its own; there, nothing is counted.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
void* operator new(std::size_t size) { return counted(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t boundary) {
  return counted(size, static_cast<std::size_t>(boundary));
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
#endif

TEST_CASE("optimisers take the steps of their formulas") {
  const Plan plan = small_plan("dense 3 tanh, dense", {4});
  std::vector<float> start(static_cast<std::size_t>(plan.parameter_count));
  initialise(plan, 2, start);
  const std::vector<double> wide(start.begin(), start.end());
  const std::vector<double> x = {0.5, -1, 2, 0.25, 1, 1, -0.5, 3}, y = {1, -1, 0.5, 2};
  for (const backend::OptimizerKind kind :
       {backend::OptimizerKind::sgd, backend::OptimizerKind::momentum, backend::OptimizerKind::nesterov,
        backend::OptimizerKind::rmsprop, backend::OptimizerKind::adam, backend::OptimizerKind::adamw}) {
    for (const double clip : {0.0, 0.5}) {
      for (const double l2 : {0.0, 0.3}) {
        INFO(backend::name_of(kind) << " clip " << clip << " l2 " << l2);
        backend::ProgramOptions options;
        options.batch = 2;
        options.training = true;
        options.optimizer.kind = kind;
        options.optimizer.weight_decay = 0.2;
        options.clip_norm = clip;
        options.l2 = l2;
        backend::cpu::CpuProgram<double> program(plan, options, wide.data(), backend::cpu::chosen_isa());
        std::vector<double> w = wide;
        std::vector<Slots> slots(w.size());
        for (std::uint64_t t = 0; t < 30; ++t) {
          program.compute_gradients(backend::cpu::ExamplesOf<double>{2, x.data(), nullptr, y.data(), nullptr},
                                    t);
          std::vector<double> g(program.gradients().begin(), program.gradients().end());
          double norm = 0;
          for (const double v : g) norm += v * v;
          norm = std::sqrt(norm);
          for (double& v : g) v *= clip > 0 && norm > clip ? clip / norm : 1;
          for (const Parameter& p : plan.parameters) {
            for (auto i = static_cast<std::size_t>(p.offset);
                 i < static_cast<std::size_t>(p.offset + p.size()); ++i)
              w[i] = stepped(options.optimizer, w[i], g[i], 0.05, static_cast<double>(t + 1), p.decays,
                             slots[i]);
          }
          program.apply_gradients(0.05, t);
        }
        for (std::size_t i = 0; i < w.size(); ++i)
          CHECK(program.parameters()[i] == Approx(w[i]).margin(1e-12));
      }
    }
  }
}

TEST_CASE("steps and predictions allocate nothing") {
  const Plan plan = small_plan(
      "conv2d 4 3x3 relu, batch_norm, residual(conv2d 4 3x3 same, layer_norm), max_pool2d 2, dropout 0.2, "
      "dense 5 gelu, dense",
      {8, 8, 1});
  std::vector<float> parameters(static_cast<std::size_t>(plan.parameter_count));
  initialise(plan, 2, parameters);
  const std::vector<float> x(64 * 6, 0.5f), y(12, 1.0f);
  std::vector<float> out(12);
  const auto backend = backend::open_backend(backend::Device{});
  backend::ProgramOptions options;
  options.batch = 6;
  const auto predicting = backend->compile(plan, options, parameters.data());
  options.training = true;
  options.parts = 2;
  options.ema = 0.9;
  options.clip_norm = 1;
  const auto training = backend->compile(plan, options, parameters.data());
  const backend::Examples parts[] = {{6, x.data(), nullptr, y.data(), nullptr},
                                     {3, x.data(), nullptr, y.data(), nullptr}};
  const backend::Step step{parts, 0.01, 0};
  double loss = 0;
  allocations = 0;
  counting = true;
  training->train_step({&step, 1});
  training->evaluate(parts[0], out.data(), {&loss, 1});
  predicting->forward(6, x.data(), out.data());
  predicting->forward(2, x.data(), out.data());
  counting = false;
  CHECK(allocations == 0);
}
