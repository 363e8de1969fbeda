// Programs of the CUDA backend, as tests ask them.
#pragma once

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "backend/cuda/cuda_program.hpp"
#include "catch.hpp"
#include "host_cuda/simt.hpp"
#include "layers/data.hpp"
#include "layers/table.hpp"

namespace nn::test {

using host_cuda::Order;
inline constexpr Order orders[] = {Order::forward, Order::reverse, Order::random};
inline const char* name_of(Order order) {
  return order == Order::forward ? "forward" : order == Order::reverse ? "reverse" : "random";
}

inline std::string describe(const Case& c) {
  return c.net + " inputs " + std::to_string(c.inputs) + " outputs " + std::to_string(c.outputs) + " loss " +
         std::string(nn::name_of(c.loss)) + " rows " + std::to_string(c.rows);
}

template <typename T>
backend::cuda::ExamplesOf<T> examples_of(const backend::cpu::ExamplesOf<T>& e) {
  return {e.rows, e.x, e.labels, e.targets, e.weights};
}
// A program of one network.
template <typename T>
class OneCuda : public backend::cuda::CudaProgram<T> {
 public:
  using Base = backend::cuda::CudaProgram<T>;
  using Parts = std::span<const backend::cuda::ExamplesOf<T>>;
  OneCuda(const Plan& plan, const backend::ProgramOptions& options, const T* parameters)
      : Base(plan, {&options, 1}, {&parameters, 1}) {}

  double evaluate(const backend::cuda::ExamplesOf<T>& examples, T* y) {
    double loss = 0;
    Base::evaluate(examples, y, {&loss, 1});
    return loss;
  }
  double train_step(Parts parts, double rate, std::uint64_t number) {
    const backend::cuda::StepOf<T> step{parts, rate, number};
    double loss = 0;
    Base::start_losses({&loss, 1});
    Base::train_step({&step, 1});
    Base::read_losses({&loss, 1});
    return loss;
  }
  double compute_gradients(Parts parts, std::uint64_t number) {
    const backend::cuda::StepOf<T> step{parts, 0, number};
    double loss = 0;
    Base::compute_gradients({&step, 1}, {&loss, 1});
    return loss;
  }
  void write_parameters(const T* in) { Base::write_parameters(0, in); }
  void write_state(const T* in) { Base::write_state(0, in); }
};

template <typename T>
double compute(OneCuda<T>& program, const backend::cpu::ExamplesOf<T>& e, std::uint64_t step) {
  const auto examples = examples_of(e);
  return program.compute_gradients({&examples, 1}, step);
}
template <typename T>
double train(OneCuda<T>& program, const backend::cpu::ExamplesOf<T>& e, double rate, std::uint64_t step) {
  const auto examples = examples_of(e);
  return program.train_step({&examples, 1}, rate, step);
}
template <typename T>
std::vector<T> gradients_of(const backend::cuda::CudaProgram<T>& program, std::size_t member = 0) {
  std::vector<T> values(static_cast<std::size_t>(program.size()));
  program.read_gradients(member, values.data());
  return values;
}
template <typename T>
std::vector<T> parameters_of(const backend::cuda::CudaProgram<T>& program, std::size_t member = 0) {
  std::vector<T> values(static_cast<std::size_t>(program.size()));
  program.read_parameters(member, values.data());
  return values;
}

template <typename T>
std::vector<T> state_of(const backend::cuda::CudaProgram<T>& program, std::size_t member = 0) {
  std::vector<T> values(static_cast<std::size_t>(program.state_size()));
  program.read_state(member, values.data());
  return values;
}

inline backend::ProgramOptions training(std::int64_t batch) {
  backend::ProgramOptions options;
  options.batch = batch;
  options.training = true;
  options.seed = 11;
  return options;
}

// The largest difference, as a part of the largest value.
template <typename A, typename B>
double difference(const A& expected, const B& got) {
  REQUIRE(expected.size() == got.size());
  double scale = 0.1, worst = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double e = expected[i], g = got[i];
    scale = std::max(scale, std::abs(e));
    worst = std::max(worst, g == g ? std::abs(e - g) : std::numeric_limits<double>::infinity());
  }
  return worst / scale;
}

}  // namespace nn::test
