// Whole steps on the CUDA backend: optimizers, parts, averages, what is saved and continued.
#include <cstring>

#include "host_cuda/fake_runtime.hpp"
#include "programs.hpp"

using namespace nn;
using namespace nn::backend;
using namespace nn::test;

namespace {

const Case small{"dense 40 tanh, batch_norm, dropout 0.2, dense", 5, 3, Loss::categorical_crossentropy, 20};

// The rows of `data` in parts of these sizes.
template <typename E>
std::vector<E> parts_of(const E& all, std::int64_t inputs, const std::vector<std::int64_t>& sizes) {
  std::vector<E> parts;
  E rest = all;
  for (const std::int64_t rows : sizes) {
    E part = rest;
    part.rows = rows;
    parts.push_back(part);
    if constexpr (std::is_same_v<E, cpu::ExamplesOf<float>>) {
      rest.x += rows * inputs;
    } else {
      rest.x = rest.x.floats + rows * inputs;
    }
    rest.labels += rows;
    rest.weights += rows;
  }
  return parts;
}

}  // namespace

TEST_CASE("CUDA: optimizers move weights as on the CPU") {
  // The second time a grid has room for 256 weights only.
  const std::int64_t times = GENERATE(1, 1 << 16);
  host_cuda::shrink(times);
  const Plan plan = plan_of(small);
  const Data<float> data(small);
  for (const OptimizerKind kind : {OptimizerKind::sgd, OptimizerKind::momentum, OptimizerKind::nesterov,
                                   OptimizerKind::rmsprop, OptimizerKind::adam, OptimizerKind::adamw}) {
    for (const int variant : {0, 1, 2}) {
      INFO(nn::backend::name_of(kind) << " " << variant);
      ProgramOptions options = training(20);
      options.optimizer.kind = kind;
      options.optimizer.epsilon = 1e-3;  // else the signs of tiny gradients decide
      options.l2 = variant == 1 ? 0.01 : 0;
      options.clip_norm = variant == 1 ? 0.1 : 0;
      options.label_smoothing = variant == 1 ? 0.1 : 0;
      options.ema = variant == 1 ? 0.9 : 0;
      options.parts = variant == 2 ? 3 : 1;
      const std::vector<float> weights = test::parameters_of(plan);
      cpu::CpuProgram<float> expected(plan, options, weights.data(), cpu::chosen_isa());
      OneCuda<float> program(plan, options, weights.data());
      REQUIRE(program.state_size() == static_cast<std::int64_t>(expected.state().size()));
      const std::vector<std::int64_t> sizes =
          variant == 2 ? std::vector<std::int64_t>{9, 9, 2} : std::vector<std::int64_t>{20};
      const auto cpu_parts = parts_of(data.examples(true), small.inputs, sizes);
      const auto cuda_parts = parts_of(examples_of(data.examples(true)), small.inputs, sizes);
      for (std::uint64_t step = 0; step < 6; ++step) {
        const double rate = 0.02 / (1.0 + static_cast<double>(step));
        const double loss = expected.compute_gradients(cpu_parts, step);
        expected.apply_gradients(rate, step);
        CHECK(program.train_step(cuda_parts, rate, step) == Approx(loss).epsilon(1e-5));
      }
      CHECK(difference(expected.current_parameters(), parameters_of(program)) <= 1e-5);
      CHECK(difference(expected.state(), state_of(program)) <= 1e-5);
      expected.exchange_average();
      program.exchange_average();
      CHECK(difference(expected.current_parameters(), parameters_of(program)) <= 1e-5);
    }
  }
  host_cuda::shrink(1);
}

TEST_CASE("CUDA: frozen layers stay as they are, and the others move as on the CPU") {
  const Case image{"conv2d 4 3x3 relu, batch_norm, conv2d 3 3x3 gelu, layer_norm, dense 6, dense",
                   6 * 6 * 2,
                   3,
                   Loss::categorical_crossentropy,
                   9,
                   {6, 6, 2}};
  for (const std::string& layer : layers_with_parameters(plan_of(image))) {
    INFO(layer);
    Plan plan = plan_of(image);
    freeze(plan, std::span(&layer, 1));
    const Data<float> data(image);
    ProgramOptions options = training(image.rows);
    options.optimizer.kind = OptimizerKind::adamw;
    options.optimizer.epsilon = 1e-3;
    options.optimizer.weight_decay = 0.1;
    options.l2 = 0.1;
    options.ema = 0.9;
    std::vector<float> weights = test::parameters_of(plan);
    for (const Parameter& p : plan.parameters) weights[static_cast<std::size_t>(p.offset)] = -0.0f;
    cpu::CpuProgram<float> expected(plan, options, weights.data(), cpu::chosen_isa());
    OneCuda<float> program(plan, options, weights.data());
    for (std::uint64_t step = 0; step < 4; ++step) {
      expected.compute_gradients(data.examples(true), step);
      expected.apply_gradients(0.02, step);
      train(program, data.examples(true), 0.02, step);
    }
    CHECK(difference(expected.current_parameters(), parameters_of(program)) <= 1e-5);
    for (const bool averaged : {false, true}) {
      if (averaged) program.exchange_average();
      const std::vector<float> now = parameters_of(program);
      for (const Parameter& p : plan.parameters) {
        INFO(p.name << (averaged ? ", its average" : ""));
        const bool same = std::memcmp(now.data() + p.offset, weights.data() + p.offset,
                                      static_cast<std::size_t>(p.size()) * sizeof(float)) == 0;
        CHECK(same == (layer_of(p) == layer));
      }
    }
  }
}

TEST_CASE("CUDA: parameters and state continue a run bit for bit") {
  const Plan plan = plan_of(small);
  const Data<float> data(small);
  ProgramOptions options = training(20);
  options.ema = 0.9;
  const std::vector<float> weights = test::parameters_of(plan);
  OneCuda<float> whole(plan, options, weights.data()), first(plan, options, weights.data());
  for (std::uint64_t step = 0; step < 5; ++step) train(whole, data.examples(true), 0.01, step);
  for (std::uint64_t step = 0; step < 3; ++step) train(first, data.examples(true), 0.01, step);
  const std::vector<float> saved = parameters_of(first), state = state_of(first);
  OneCuda<float> second(plan, options, weights.data());
  second.write_parameters(saved.data());
  second.write_state(state.data());
  for (std::uint64_t step = 3; step < 5; ++step) train(second, data.examples(true), 0.01, step);
  CHECK(parameters_of(second) == parameters_of(whole));
  CHECK(state_of(second) == state_of(whole));
}

TEST_CASE("CUDA: the order of threads changes no bit") {
  for (const Case& c : all_cases()) {
    if (c.rows > 40) continue;
    INFO(describe(c));
    const Plan plan = plan_of(c);
    const Data<float> data(c);
    std::vector<std::vector<float>> results;
    for (const Order order : orders) {
      host_cuda::set_order(order);
      OneCuda<float> program(plan, training(c.rows), test::parameters_of(plan).data());
      for (std::uint64_t step = 0; step < 3; ++step) train(program, data.examples(true), 0.01, step);
      results.push_back(parameters_of(program));
    }
    CHECK(results[0] == results[1]);
    CHECK(results[0] == results[2]);
  }
  host_cuda::set_order(Order::forward);
}

TEST_CASE("CUDA: a partial batch trains like a batch of its size") {
  for (const Case& c : all_cases()) {
    if (c.rows > 40) continue;
    INFO(describe(c));
    const Plan plan = plan_of(c);
    const Data<float> data(c);
    const std::vector<float> weights = test::parameters_of(plan);
    cpu::CpuProgram<float> exact(plan, training(c.rows), weights.data(), cpu::chosen_isa());
    OneCuda<float> partial(plan, training(c.rows + 11), weights.data());
    // What a larger batch left behind must not be seen.
    compute(partial, Data<float>(c, c.rows + 11).examples(true), 0);
    partial.write_parameters(weights.data());
    CHECK(compute(partial, data.examples(true), 1) ==
          Approx(exact.compute_gradients(data.examples(true), 1)).epsilon(1e-5));
    CHECK(difference(exact.gradients(), gradients_of(partial)) <= 1e-5);
  }
}

TEST_CASE("CUDA: inputs that are bytes are the floats that they stand for") {
  const Case c{"dense 6 relu, dense", 12, 3, Loss::categorical_crossentropy, 7};
  const Plan plan = plan_of(c);
  const Data<float> data(c);
  ProgramOptions options = training(8);
  options.byte_values.emplace();
  for (std::size_t v = 0; v < 256; ++v) (*options.byte_values)[v] = static_cast<float>(v) / 255 - 0.5f;
  std::vector<std::uint8_t> bytes;
  std::vector<float> floats;
  for (int i = 0; i < 7 * 12; ++i) {
    bytes.push_back(static_cast<std::uint8_t>(37 * i));
    floats.push_back((*options.byte_values)[bytes.back()]);
  }
  const std::vector<float> weights = test::parameters_of(plan);
  OneCuda<float> a(plan, options, weights.data()), b(plan, options, weights.data());
  cuda::ExamplesOf<float> x = examples_of(data.examples(true));
  for (std::uint64_t step = 0; step < 3; ++step) {
    x.x = bytes.data();
    const double loss = a.train_step({&x, 1}, 0.1, step);
    x.x = floats.data();
    CHECK(b.train_step({&x, 1}, 0.1, step) == loss);
  }
  std::vector<float> y(21), z(21);
  a.forward(7, bytes.data(), y.data());
  a.forward(7, floats.data(), z.data());
  CHECK(y == z);
  CHECK(parameters_of(a) == parameters_of(b));
}

TEST_CASE("CUDA: a step is one graph, takes no memory and waits for nothing") {
  const Plan plan = plan_of(small);
  const Data<float> data(small);
  OneCuda<float> program(plan, training(20), test::parameters_of(plan).data());
  train(program, data.examples(true), 0.01, 0);
  const host_cuda::Counts before = host_cuda::counts();
  const auto examples = examples_of(data.examples(true));
  for (std::uint64_t step = 1; step < 4; ++step) {
    const cuda::StepOf<float> one{{&examples, 1}, 0.01, step};
    static_cast<cuda::CudaProgram<float>&>(program).train_step({&one, 1});
  }
  const host_cuda::Counts after = host_cuda::counts();
  CHECK(after.allocations == before.allocations);
  CHECK(after.graph_launches - before.graph_launches == 3);
  CHECK(after.waits == before.waits);
}

TEST_CASE("CUDA: predictions without training, in full and in less precision") {
  for (const Precision precision : {Precision::float32, Precision::tf32, Precision::bf16}) {
    for (const Case& c : all_cases()) {
      INFO(nn::backend::name_of(precision) << ": " << describe(c));
      const Plan plan = plan_of(c);
      const std::vector<float> weights = test::parameters_of(plan);
      const Data<float> data(c);
      ProgramOptions options;
      options.batch = c.rows;
      cpu::CpuProgram<float> expected(plan, options, weights.data(), cpu::chosen_isa());
      options.precision = precision;
      OneCuda<float> program(plan, options, weights.data());
      std::vector<float> y(static_cast<std::size_t>(c.rows * c.answers())), z(y.size());
      expected.forward(c.rows, data.x.data(), y.data());
      program.forward(c.rows, data.x.data(), z.data());
      CHECK(difference(y, z) <= (precision == Precision::float32 ? 1e-5 : 0.05));
      const bool rounds = y != z;
      if (precision == Precision::bf16 && c.inputs > 2 && c.outputs > 1) CHECK(rounds);
      if (c.rows < 3) continue;
      std::vector<float> some(static_cast<std::size_t>(2 * c.answers()));
      program.forward(2, data.x.data() + c.inputs, some.data());
      CHECK(std::equal(some.begin(), some.end(), z.begin() + c.answers()));
    }
  }
}

TEST_CASE("CUDA: of few rows few are computed") {
  const Case c{"dense 7 tanh, layer_norm, dense", 5, 3, Loss::mse, 64};
  const Plan plan = plan_of(c);
  const std::vector<float> weights = test::parameters_of(plan);
  const Data<float> data(c);
  ProgramOptions options;
  options.batch = 50;
  OneCuda<float> program(plan, options, weights.data());
  std::vector<float> all(50 * 3), some(all.size());
  program.forward(50, data.x.data(), all.data());
  for (const std::int64_t rows : {1, 3, 32, 33}) {
    const std::int64_t computed = rows == 3 ? 4 : rows == 33 ? 50 : rows;
    const std::int64_t before = host_cuda::counts().multiplications;
    program.forward(rows, data.x.data(), some.data());
    // Call by call, and recorded; of more than 32 there is a graph already.
    const std::int64_t times = rows == 33 ? 0 : 2;
    CHECK(host_cuda::counts().multiplications - before == times * computed * (5 * 7 + 7 * 3));
    CHECK(std::equal(some.begin(), some.begin() + rows * 3, all.begin()));
  }
}

TEST_CASE("CUDA: a weight that is not a number shows in the loss") {
  for (const Case& c : all_cases()) {
    if (c.net == "dense") continue;
    const Plan plan = plan_of(c);
    std::vector<float> weights = test::parameters_of(plan);
    const Parameter& kernel = plan.parameters.front();
    std::fill_n(weights.begin() + kernel.offset, kernel.size(), std::numeric_limits<float>::quiet_NaN());
    OneCuda<float> program(plan, training(c.rows), weights.data());
    INFO(describe(c));
    CHECK(std::isnan(compute(program, Data<float>(c).examples(false), 0)));
  }
}

TEST_CASE("CUDA: rows whose weights are all 0 change nothing") {
  const Case c{"dense 4 relu, dense", 3, 2, Loss::mse, 2};
  const Plan plan = plan_of(c);
  Data<float> data(c);
  data.weights = {0, 0};
  OneCuda<float> program(plan, training(2), test::parameters_of(plan).data());
  CHECK(compute(program, data.examples(true), 0) == 0);
  for (const float g : gradients_of(program)) CHECK(g == 0);
}
