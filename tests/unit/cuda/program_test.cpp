// Every network of the backends' table on the CUDA backend, with its kernels run on the host.
#include "programs.hpp"

using namespace nn;
using namespace nn::backend;
using namespace nn::test;

TEST_CASE("CUDA: gradients agree with finite differences") {
  constexpr double h = 1e-5;
  host_cuda::set_order(Order::forward);
  for (const Case& c : all_cases()) {
    INFO(describe(c));
    const Plan plan = plan_of(c);
    const Data<double> data(c);
    ProgramOptions options = training(c.rows);
    options.l2 = 0.01;
    std::vector<double> weights = widen(test::parameters_of(plan));
    OneCuda<double> program(plan, options, weights.data());
    const auto objective = [&] {
      program.write_parameters(weights.data());
      double value = compute(program, data.examples(true), 4) / static_cast<double>(c.rows);
      for (const Parameter& p : plan.parameters) {
        for (std::int64_t i = p.offset; p.decays && i < p.offset + p.size(); ++i) {
          const double w = weights[static_cast<std::size_t>(i)];
          value += options.l2 / 2 * w * w;
        }
      }
      return value;
    };
    objective();
    const std::vector<double> gradients = gradients_of(program);
    RandomStream random(1, RandomUse::shuffle);
    for (const Parameter& p : plan.parameters) {
      if (!p.trains) continue;
      for (std::int64_t k = 0; k < std::min<std::int64_t>(p.size(), 3); ++k) {
        const auto i =
            static_cast<std::size_t>(p.offset) + random.below(static_cast<std::uint64_t>(p.size()));
        const double before = weights[i];
        weights[i] = before + h;
        const double above = objective();
        weights[i] = before - h;
        const double below = objective();
        weights[i] = before;
        INFO(p.name << " element " << i);
        CHECK(gradients[i] == Approx((above - below) / (2 * h)).epsilon(2e-6).margin(1e-9));
      }
    }
  }
}

TEST_CASE("CUDA: batches of more pixels than kernels can number are refused") {
  const Plan plan = plan_of({"max_pool2d 2, dense", 256 * 256, 3, Loss::mse, 1, {256, 256}});
  const std::vector<float> weights = test::parameters_of(plan);
  CHECK_THROWS_WITH(OneCuda<float>(plan, training(32768), weights.data()),
                    "32768 rows of 65536 pixels in a batch: a CUDA device takes 2147483647 pixels");
}

namespace {

void compare_with_cpu(const Case& c) {
  const Plan plan = plan_of(c);
  const std::vector<float> weights = test::parameters_of(plan);
  const Data<float> data(c);
  cpu::CpuProgram<float> expected(plan, training(c.rows), weights.data(), cpu::chosen_isa());
  OneCuda<float> program(plan, training(c.rows), weights.data());
  std::vector<float> y(static_cast<std::size_t>(c.rows * c.answers())), z(y.size());
  expected.forward(c.rows, data.x.data(), y.data());
  program.forward(c.rows, data.x.data(), z.data());
  CHECK(difference(y, z) <= 1e-5);
  CHECK(program.evaluate(examples_of(data.examples(true)), z.data()) ==
        Approx(expected.evaluate(data.examples(true), y.data())).epsilon(1e-5));
  CHECK(difference(y, z) <= 1e-5);
  // Call by call, recorded, started again.
  for (std::uint64_t step = 2; step < 5; ++step) {
    const double loss = compute(program, data.examples(true), step);
    CHECK(loss == Approx(expected.compute_gradients(data.examples(true), step)).epsilon(1e-5));
    CHECK(difference(expected.gradients(), gradients_of(program)) <= 1e-5);
  }
  CHECK(difference(expected.current_parameters(), parameters_of(program)) <= 1e-5);
}

}  // namespace

TEST_CASE("CUDA: values, losses and gradients are those of the CPU backend, in every order of threads") {
  for (const Order order : orders) {
    host_cuda::set_order(order);
    for (const Case& c : all_cases()) {
      INFO(name_of(order) << ": " << describe(c));
      compare_with_cpu(c);
    }
  }
}

TEST_CASE("CUDA: the same where there is more than a grid, and a block of patches, has room for") {
  host_cuda::set_order(Order::random);
  host_cuda::shrink(1 << 16);
  for (const Case& c : all_cases()) {
    INFO(describe(c));
    compare_with_cpu(c);
  }
  host_cuda::shrink(1);
}
