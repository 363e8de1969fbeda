// Times steps of the CPU backend: bench-engine [DEVICE]. For each shape the time of a
// training step and of forward passes, the rate of the matrix products in them, and that
// rate's share of the peak of fused multiply-adds measured in the same run. The least of
// several repetitions counts: it is the one that other processes disturbed least.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "backend/backend.hpp"
#include "backend/cpu/isa.hpp"
#include "base/error.hpp"
#include "base/random.hpp"

namespace {

using Clock = std::chrono::steady_clock;

// Seconds of one call of f: the least of several rounds of about 30 ms.
template <typename F>
double best_time(F f) {
  f();
  double best = 1e9;
  std::int64_t calls = 1;
  for (int round = 0; round < 15; ++round) {
    const auto start = Clock::now();
    for (std::int64_t i = 0; i < calls; ++i) f();
    const double took = std::chrono::duration<double>(Clock::now() - start).count();
    best = std::min(best, took / static_cast<double>(calls));
    calls = std::max<std::int64_t>(1, static_cast<std::int64_t>(0.03 / best));
  }
  return best;
}

// Products of a size that stays in registers and the first-level cache.
double peak_flops(const nn::cpu::Kernels<float>& kernels) {
  alignas(64) static float a[12 * 256], b[256 * 64], c[12 * 64], panel[nn::cpu::panel_size];
  nn::cpu::Gemm<float> g;
  g.m = 12;
  g.n = 32;
  g.k = 128;
  g.a = a;
  g.a_row = 128;
  g.b = b;
  g.b_row = 32;
  g.c = c;
  g.c_row = 32;
  g.c_padded = true;
  g.panel = panel;
  const double flops = 2.0 * static_cast<double>(g.m * g.n * g.k);
  return flops / best_time([&] { kernels.gemm(g); });
}

struct Shape {
  const char* net;
  std::int64_t inputs, outputs, batch;
  nn::OptimizerKind optimizer;
};

double forward_flops(const nn::Plan& plan) {
  double flops = 0;
  for (const nn::Op& op : plan.ops) {
    if (op.kind == nn::OpKind::dense) flops += 2.0 * static_cast<double>(op.in.size() * op.out.size());
  }
  return flops;
}

void run(const Shape& shape, nn::Backend& backend, double peak) {
  nn::Network network = nn::parse_network(shape.net);
  nn::resolve(network, {shape.inputs}, shape.outputs);
  const nn::Plan plan = nn::lower(network, nn::Loss::categorical_crossentropy);
  nn::Buffer parameters(static_cast<std::size_t>(plan.parameter_count) * sizeof(float));
  nn::initialise(plan, 1, {parameters.as<float>(), static_cast<std::size_t>(plan.parameter_count)});
  nn::RandomStream random(1, nn::RandomUse::shuffle);
  std::vector<float> x(static_cast<std::size_t>(shape.batch * shape.inputs));
  for (float& v : x) v = static_cast<float>(random.normal());
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < shape.batch; ++i)
    labels.push_back(static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(shape.outputs))));
  std::vector<float> y(static_cast<std::size_t>(shape.batch * shape.outputs));

  nn::ProgramOptions options;
  options.batch = shape.batch;
  const double once = forward_flops(plan);
  const auto rows = static_cast<double>(shape.batch);
  const auto line = [&](std::string_view what, double seconds, double flops) {
    fmt::print("{:<34} {:>5} {:<18} {:>10.2f} us {:>7.1f} GFLOP/s {:>4.0f} %\n", shape.net, shape.batch, what,
               seconds * 1e6, flops / seconds / 1e9, 100 * flops / seconds / peak);
    std::fflush(stdout);
  };
  {
    const auto program = backend.compile(plan, options, parameters.as<float>());
    line("forward", best_time([&] { program->forward(shape.batch, x.data(), y.data()); }), once * rows);
    line("forward, 1 row", best_time([&] { program->forward(1, x.data(), y.data()); }), once);
  }
  options.training = true;
  options.optimizer.kind = shape.optimizer;
  const auto program = backend.compile(plan, options, parameters.as<float>());
  const nn::Examples examples{shape.batch, x.data(), labels.data(), nullptr, nullptr};
  const double first = 2.0 * static_cast<double>(plan.ops.front().in.size() * plan.ops.front().out.size());
  std::uint64_t step = 0;
  line(fmt::format("train, {}", nn::name_of(shape.optimizer)),
       best_time([&] { program->train_step(examples, 1e-4, step++); }), (3 * once - first) * rows);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const auto backend = nn::open_backend(nn::parse_device(argc > 1 ? argv[1] : "cpu:0"));
    nn::pin_thread(backend->device());
    const nn::cpu::Isa isa = nn::cpu::chosen_isa();
    const double peak = peak_flops(nn::cpu::kernels_of<float>(isa));
    fmt::print("{} ({}): {:.1f} GFLOP/s in the first-level cache\n", nn::cpu::name_of(isa),
               nn::cpu::describe(isa), peak / 1e9);
    for (const Shape& shape : {
             Shape{"dense 32 relu, dense", 64, 10, 32, nn::OptimizerKind::momentum},
             Shape{"dense 64 relu, dense 32 relu, dense", 64, 10, 32, nn::OptimizerKind::adam},
             Shape{"dense 256 relu, dense 128 relu, dense", 784, 10, 128, nn::OptimizerKind::momentum},
             Shape{"dense 256 relu, dense 128 relu, dense", 784, 10, 128, nn::OptimizerKind::adam},
             Shape{"dense 1024 relu, dense 1024 relu, dense", 1024, 10, 512, nn::OptimizerKind::adam},
         }) {
      run(shape, *backend, peak);
    }
  } catch (const nn::Error& error) {
    fmt::print(stderr, "bench-engine: {}\n", error.what());
    return nn::exit_status(error.kind());
  }
}
