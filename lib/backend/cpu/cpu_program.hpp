// A network on CPU cores, over float, or over double to check gradients against finite
// differences. Internal to the backend and its tests.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/backend.hpp"
#include "backend/cpu/isa.hpp"
#include "backend/cpu/operation.hpp"

namespace nn::backend::cpu {

template <typename T>
struct ExamplesOf {
  std::int64_t rows = 0;
  const T* x = nullptr;
  const std::int32_t* labels = nullptr;
  const T* targets = nullptr;
  const T* weights = nullptr;
};

// One thread at a time. Allocates in its constructor only.
template <typename T>
class CpuProgram {
 public:
  // `parameters` as in Backend::compile(). `team` (null: none) is borrowed.
  CpuProgram(const Plan& plan, const ProgramOptions& options, const T* parameters, Isa isa,
             Team* team = nullptr);
  CpuProgram(const CpuProgram&) = delete;
  CpuProgram& operator=(const CpuProgram&) = delete;

  void forward(std::int64_t rows, const T* x, T* y);
  double evaluate(const ExamplesOf<T>& examples, T* y);
  // Gradient of the mean loss over all parts plus L2 into gradients(); returns the sum of
  // weight * loss.
  double compute_gradients(std::span<const ExamplesOf<T>> parts, std::uint64_t step);
  double compute_gradients(const ExamplesOf<T>& examples, std::uint64_t step) {
    return compute_gradients({&examples, 1}, step);
  }
  void apply_gradients(double learning_rate, std::uint64_t step);
  void exchange_average();

  std::span<T> parameters() { return {own_parameters_, size_}; }  // training programs only
  std::span<const T> current_parameters() const { return {parameters_, size_}; }
  std::span<const T> gradients() const { return {gradients_, size_}; }
  std::span<T> state() { return {state_, state_size_}; }
  std::span<const T> state() const { return {state_, state_size_}; }

 private:
  const Kernels<T>& kernels() const { return context_.kernels; }
  const TensorView<T>& last() const;  // what the network ends with
  void place_values();
  void add_operations();
  void place_additions(std::int64_t largest);
  void run_forward(std::int64_t rows, const T* x, bool training, std::uint64_t step);
  LossRows<T> loss_rows(const ExamplesOf<T>& examples) const;
  void finish_outputs(std::int64_t rows, T* y);
  double add_part(const ExamplesOf<T>& examples, T scale, std::uint64_t step);
  void backward(const Run& run);
  void update(double learning_rate, std::uint64_t step);
  void update(const ParameterRange& part, double learning_rate, std::uint64_t step);
  void move_average(std::uint64_t step);
  void add_decay();
  void clip();

  // A gradient that is made aside and then added to that of the value, which has one already.
  struct Addition {
    int op;
    const T* from;
    T* to;
    std::int64_t stride;
  };

  Plan plan_;
  std::vector<T> quantiles_;  // of the plan
  ProgramOptions options_;
  std::vector<ParameterRange> changing_;  // of the parameters
  std::size_t size_, state_size_ = 0;
  Arena<T> arena_;
  const T* parameters_;
  T *own_parameters_ = nullptr, *gradients_ = nullptr, *state_ = nullptr;
  T* average_ = nullptr;  // behind the optimiser's slots in the state; null: there is none
  T* sum_ = nullptr;      // of the gradients of a step's parts; null: a step has one
  T* scratch_ = nullptr;  // of gradients that are made aside
  ProgramContext<T> context_;
  std::deque<TensorView<T>> views_;  // of the plan's values, then copies for gradients made aside
  std::vector<OperationPtr<T>> operations_;
  std::vector<bool> back_;  // whether an operation's gradient is wanted
  std::vector<Addition> additions_;
};

}  // namespace nn::backend::cpu
