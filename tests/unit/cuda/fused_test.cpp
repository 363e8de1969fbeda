// Products with epilogues, of which the ones without are the reference.
#include <cstdlib>

#include "host_cuda/fake_runtime.hpp"
#include "programs.hpp"

using namespace nn;
using namespace nn::backend;
using namespace nn::test;

namespace {

enum class Way { fused, not_wanted, no_kernels };

struct Results {
  std::vector<std::vector<float>> gradients, parameters;  // of each member, after three steps
  std::vector<float> y;                                   // of a program that predicts
  int fused = 0;
};

Results run(const Case& c, Way way) {
  if (way == Way::not_wanted) ::setenv("NN_CUDA_FUSED", "0", 1);
  host_cuda::has_fused_kernels() = way != Way::no_kernels;
  const int before = host_cuda::counts().fused_products;
  const Plan plan = plan_of(c);
  const std::vector<float> weights = test::parameters_of(plan);
  const Data<float> data(c);
  std::vector<ProgramOptions> options(2, training(c.rows));
  for (ProgramOptions& o : options) o.optimizer.kind = OptimizerKind::momentum;
  const std::vector<const float*> starts(2, weights.data());
  cuda::CudaProgram<float> program(plan, options, starts);
  const auto examples = examples_of(data.examples(true));
  for (std::uint64_t number = 0; number < 3; ++number) {
    const cuda::StepOf<float> step{{&examples, 1}, 0.01, number};
    program.train_step(std::vector{step, step});
  }
  Results r;
  for (std::size_t m = 0; m < 2; ++m) {
    r.gradients.push_back(gradients_of(program, m));
    r.parameters.push_back(parameters_of(program, m));
  }
  ProgramOptions predicts;
  predicts.batch = c.rows;
  r.y.resize(static_cast<std::size_t>(c.rows * c.answers()));
  OneCuda<float>(plan, predicts, weights.data()).forward(c.rows, data.x.data(), r.y.data());
  r.fused = host_cuda::counts().fused_products - before;
  ::unsetenv("NN_CUDA_FUSED");
  host_cuda::has_fused_kernels() = true;
  return r;
}

}  // namespace

TEST_CASE("CUDA: products with epilogues give what those without give") {
  for (const Case& c : all_cases()) {
    INFO(describe(c));
    const Results fused = run(c, Way::fused), reference = run(c, Way::not_wanted);
    // Every network has a layer whose bias' gradient comes with its kernel's, but for groups.
    CHECK(fused.fused > 0);
    CHECK(reference.fused == 0);
    CHECK(difference(reference.y, fused.y) <= 1e-6);
    for (std::size_t m = 0; m < 2; ++m) {
      CHECK(difference(reference.gradients[m], fused.gradients[m]) <= 1e-5);
      CHECK(difference(reference.parameters[m], fused.parameters[m]) <= 1e-5);
    }
  }
}

TEST_CASE("CUDA: where cublasLt has no kernel, products go without epilogues") {
  const Case c{"dense 7 relu, dense 9 gelu, dense", 5, 3, Loss::categorical_crossentropy, 6};
  const Results without = run(c, Way::no_kernels), reference = run(c, Way::not_wanted);
  CHECK(without.fused == 0);
  CHECK(without.parameters == reference.parameters);
  CHECK(without.y == reference.y);
}
