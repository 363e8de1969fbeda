// A network on CPU cores, over float, or over double to check gradients against finite
// differences. Internal to the backend and its tests.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/backend.hpp"
#include "backend/cpu/isa.hpp"
#include "base/memory.hpp"
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

// One thread at a time. Allocates in its constructor only: everything that a step needs
// lies in one arena. Rows of values in the arena are padded to multiples of 16 elements.
template <typename T>
class CpuProgram {
 public:
  // `parameters` as in Backend::compile().
  CpuProgram(const Plan& plan, const ProgramOptions& options, const T* parameters, Isa isa);

  void forward(std::int64_t rows, const T* x, T* y);
  double evaluate(const ExamplesOf<T>& examples, T* y);
  // Gradient of the mean loss plus L2 into gradients(); returns the sum of weight * loss.
  double compute_gradients(const ExamplesOf<T>& examples, std::uint64_t step);
  void apply_gradients(double learning_rate, std::uint64_t step);

  std::span<T> parameters() { return {own_parameters_, size_}; }  // training programs only
  std::span<const T> current_parameters() const { return {parameters_, size_}; }
  std::span<const T> gradients() const { return {gradients_, size_}; }
  std::span<T> state() { return {state_, state_size_}; }
  std::span<const T> state() const { return {state_, state_size_}; }

 private:
  // Rows of values: the batch, or an operation's output in the arena.
  struct Rows {
    const T* data;
    std::int64_t stride;
  };

  // An operation of the plan with its places in the arena; null where it needs none.
  struct Step {
    OpKind kind;
    Activation activation;
    int layer;
    std::int64_t inputs, outputs, stride;  // stride: of output rows
    const T* input;                        // null: the batch
    std::int64_t input_stride;
    const T* plain_input;  // the same where dropout does nothing
    std::int64_t plain_stride;
    T* output;
    T* before;  // gelu: its argument
    const T *kernel, *bias;
    T *kernel_gradient, *bias_gradient;
    T *gradient, *input_gradient;  // of output; of input: null where nobody needs it
    T* mask;
    double rate;
  };

  void lay_out();
  void add_step(const Op& op);
  T* take(std::int64_t count);
  T* take_rows(std::int64_t stride);
  Rows input_of(const Step& step, const T* x, bool training) const;
  void run_forward(std::int64_t rows, const T* x, bool training, std::uint64_t step);
  void forward_dense(const Step& s, std::int64_t rows, Rows in, bool training);
  void forward_dropout(const Step& s, std::int64_t rows, Rows in, std::uint64_t step);
  LossRows<T> loss_rows(const ExamplesOf<T>& examples, bool training) const;
  Rows outputs_of(const T* x, bool training) const;
  void finish_outputs(std::int64_t rows, const T* x, T* y);
  void backward(std::int64_t rows, const T* x);
  void backward_dense(const Step& s, std::int64_t rows, const T* x);
  void add_decay();
  void clip();
  void check_rows(std::int64_t rows) const;

  Plan plan_;
  ProgramOptions options_;
  const Kernels<T>& kernels_;
  std::int64_t batch_;
  std::size_t size_, state_size_ = 0;
  Buffer arena_;
  std::int64_t taken_ = 0;
  const T* parameters_;
  T *own_parameters_ = nullptr, *gradients_ = nullptr, *state_ = nullptr;
  T *panel_ = nullptr, *values_ = nullptr;
  std::vector<Step> steps_;
};

}  // namespace nn::cpu
