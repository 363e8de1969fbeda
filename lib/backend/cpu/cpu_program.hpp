// A network on CPU cores, over float, or over double to check gradients against finite
// differences. Internal to the backend and its tests.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/backend.hpp"
#include "nn/plan.hpp"

namespace nn::cpu {

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
  // `parameters` as in Backend::compile().
  CpuProgram(const Plan& plan, const ProgramOptions& options, const T* parameters);

  void forward(std::int64_t rows, const T* x, T* y);
  double evaluate(const ExamplesOf<T>& examples, T* y);
  // Gradient of the mean loss plus L2 into gradients(); returns the sum of weight * loss.
  double compute_gradients(const ExamplesOf<T>& examples, std::uint64_t step);
  void apply_gradients(double learning_rate, std::uint64_t step);

  std::span<T> parameters() { return own_parameters_; }  // training programs only
  std::span<const T> current_parameters() const { return {parameters_, size_}; }
  std::span<const T> gradients() const { return gradients_; }
  std::span<T> state() { return state_; }
  std::span<const T> state() const { return state_; }

 private:
  void run_forward(std::int64_t rows, const T* x, bool training, std::uint64_t step);
  void forward_op(std::size_t index, std::int64_t rows, const T* x, bool training, std::uint64_t step);
  void backward(std::int64_t rows, const T* x);
  void backward_dense(const Op& op, std::int64_t rows, const T* x);
  void add_decay();
  void clip();
  const T* input_of(const Op& op, const T* x) const { return op.input < 0 ? x : value(op.input); }
  T* value(std::int64_t offset) { return values_.data() + offset * batch_; }
  const T* value(std::int64_t offset) const { return values_.data() + offset * batch_; }
  T* gradient_value(std::int64_t offset) { return value_gradients_.data() + offset * batch_; }

  Plan plan_;
  ProgramOptions options_;
  std::int64_t batch_;
  std::size_t size_;
  const T* parameters_;
  std::vector<T> own_parameters_, gradients_, state_;
  std::vector<T> values_, before_;  // outputs of ops; dense: before their activation
  std::vector<T> value_gradients_, masks_, scratch_;
};

extern template class CpuProgram<float>;
extern template class CpuProgram<double>;

}  // namespace nn::cpu
