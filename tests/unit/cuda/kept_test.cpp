// Data sets that are kept on the device: steps whose rows are chosen there are those of rows that
// are brought.
#include <numeric>

#include "base/error.hpp"
#include "host_cuda/fake_runtime.hpp"
#include "programs.hpp"

using namespace nn;
using namespace nn::backend;
using namespace nn::test;

namespace {

constexpr std::uint64_t steps = 4;

// Rows of a batch of `count`, in no order, some of them twice.
std::vector<std::uint32_t> some_rows(std::int64_t count, std::int64_t all, std::uint64_t number) {
  RandomStream random(number, RandomUse::shuffle, 3);
  std::vector<std::uint32_t> rows;
  for (std::int64_t i = 0; i < count; ++i)
    rows.push_back(static_cast<std::uint32_t>(random.below(static_cast<std::uint64_t>(all))));
  return rows;
}

template <typename E>
std::vector<E> gather(const E* from, std::span<const std::uint32_t> rows, std::int64_t width) {
  std::vector<E> some;
  for (const std::uint32_t row : rows) some.insert(some.end(), from + row * width, from + (row + 1) * width);
  return some;
}

// The rows by themselves, with the memory that they lie in.
struct Brought {
  Brought(const Case& c, const cuda::ExamplesOf<float>& all, std::span<const std::uint32_t> rows)
      : labels(gather(all.labels, rows, 1)), targets(gather(all.targets, rows, c.targets())) {
    if (all.x.bytes != nullptr) bytes = gather(all.x.bytes, rows, c.inputs);
    if (all.x.floats != nullptr) floats = gather(all.x.floats, rows, c.inputs);
    if (all.weights != nullptr) weights = gather(all.weights, rows, 1);
    examples = {static_cast<std::int64_t>(rows.size()),
                floats.empty() ? cuda::InputsOf<float>(bytes.data()) : cuda::InputsOf<float>(floats.data()),
                labels.data(), targets.data(), all.weights != nullptr ? weights.data() : nullptr};
  }
  std::vector<std::int32_t> labels;
  std::vector<float> floats, targets, weights;
  std::vector<std::uint8_t> bytes;
  cuda::ExamplesOf<float> examples;
};

void compare(const Case& c, const ProgramOptions& options, const cuda::ExamplesOf<float>& all) {
  const Plan plan = plan_of(c);
  const std::vector<float> weights = test::parameters_of(plan);
  OneCuda<float> kept(plan, options, weights.data()), brought(plan, options, weights.data());
  REQUIRE(kept.keep(all));
  for (std::uint64_t step = 0; step < steps; ++step) {
    const std::vector<std::uint32_t> rows = some_rows(c.rows - (step == 2 ? 1 : 0), all.rows, step);
    if (rows.empty()) continue;
    cuda::ExamplesOf<float> chosen = all;
    chosen.rows = static_cast<std::int64_t>(rows.size());
    chosen.chosen = rows.data();
    const Brought b(c, all, rows);
    CHECK(kept.train_step({&chosen, 1}, 0.01, step) == brought.train_step({&b.examples, 1}, 0.01, step));
  }
  CHECK(parameters_of(kept) == parameters_of(brought));
}

}  // namespace

TEST_CASE("CUDA: steps with rows of a data set on the device are those of the same rows brought there") {
  for (const Case& c : all_cases()) {
    if (c.rows > 40) continue;
    for (const bool weighted : {false, true}) {
      INFO(describe(c) << (weighted ? ", weighted" : ""));
      const Data<float> data(c, 3 * c.rows + 2);
      compare(c, training(c.rows), examples_of(data.examples(weighted)));
    }
  }
}

TEST_CASE("CUDA: a data set of bytes is kept as bytes") {
  const Case c{"dense 6 relu, dense", 12, 3, Loss::categorical_crossentropy, 7};
  const Data<float> data(c, 50);
  ProgramOptions options = training(7);
  options.byte_values.emplace();
  std::iota(options.byte_values->begin(), options.byte_values->end(), -100.f);
  std::vector<std::uint8_t> bytes;
  for (int i = 0; i < 50 * 12; ++i) bytes.push_back(static_cast<std::uint8_t>(37 * i));
  cuda::ExamplesOf<float> all = examples_of(data.examples(true));
  all.x = bytes.data();
  compare(c, options, all);
}

TEST_CASE("CUDA: of a step with a kept data set only numbers of rows are copied, for all members") {
  const Case c{"dense 4 tanh, dense", 300, 2, Loss::categorical_crossentropy, 8};
  const Plan plan = plan_of(c);
  const Data<float> data(c, 40);
  const std::vector<float> weights = test::parameters_of(plan);
  for (const bool shared : {false, true}) {
    std::vector<ProgramOptions> options(3, training(8));
    for (ProgramOptions& o : options) o.shared_batches = shared;
    const std::vector<const float*> starts(3, weights.data());
    cuda::CudaProgram<float> together(plan, options, starts);
    cuda::ExamplesOf<float> all = examples_of(data.examples(true));
    REQUIRE(together.keep(all));
    std::vector<std::vector<std::uint32_t>> rows;
    std::vector<cuda::ExamplesOf<float>> batches;
    for (std::uint64_t m = 0; m < 3; ++m) rows.push_back(some_rows(8, 40, shared ? 0 : m));
    for (std::uint64_t m = 0; m < 3; ++m) {
      batches.push_back(all);
      batches.back().rows = 8;
      batches.back().chosen = rows[m].data();
    }
    std::vector<cuda::StepOf<float>> step;
    for (std::uint64_t m = 0; m < 3; ++m) step.push_back({{&batches[m], 1}, 0.1, 0});
    const std::size_t before = host_cuda::counts().bytes_to_device;
    together.train_step(step);
    const std::size_t copied = host_cuda::counts().bytes_to_device - before;
    CHECK(copied == 3 * sizeof(cuda::StepState) + (shared ? 1 : 3) * 8 * sizeof(std::uint32_t));
    for (std::size_t m = 0; m < 3; ++m) {
      OneCuda<float> alone(plan, options[m], weights.data());
      const Brought b(c, all, rows[m]);
      alone.train_step({&b.examples, 1}, 0.1, 0);
      CHECK(parameters_of(together, m) == parameters_of(alone));
    }
  }
}

TEST_CASE("CUDA: rows that are not kept can't be chosen") {
  const Case c{"dense", 3, 2, Loss::categorical_crossentropy, 4};
  const Plan plan = plan_of(c);
  const Data<float> data(c, 10);
  OneCuda<float> program(plan, training(4), test::parameters_of(plan).data());
  const std::vector<std::uint32_t> rows = {1, 10};
  cuda::ExamplesOf<float> chosen = examples_of(data.examples(true));
  REQUIRE(program.keep(chosen));
  chosen.chosen = rows.data();
  chosen.rows = 2;
  CHECK_THROWS_AS(program.train_step({&chosen, 1}, 0.1, 0), Error);
}
