// A network on a CUDA device, over float, or over double to check gradients against finite
// differences. Internal to the backend and its tests.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "backend/backend.hpp"
#include "backend/cuda/operation.hpp"
#include "backend/cuda/optimizer.hpp"
#include "backend/cuda/staging.hpp"

namespace nn::cuda {

// One thread at a time, in which the device has been chosen. Allocates in its constructor only.
template <typename T>
class CudaProgram {
 public:
  // `parameters`: plan.parameter_count of them, copied.
  CudaProgram(const Plan& plan, const ProgramOptions& options, const T* parameters);
  CudaProgram(const CudaProgram&) = delete;
  CudaProgram& operator=(const CudaProgram&) = delete;

  // As Program has them.
  void forward(Index rows, InputsOf<T> x, T* y);
  double evaluate(const ExamplesOf<T>& examples, T* y);
  double train_step(std::span<const ExamplesOf<T>> parts, double learning_rate, std::uint64_t step);
  // A step without its end, the update.
  double compute_gradients(std::span<const ExamplesOf<T>> parts, std::uint64_t step);
  void exchange_average();

  Index size() const { return plan_.parameter_count; }
  Index state_size() const { return optimizer_.state_size(); }
  void read_parameters(T* out) const { download(stream(), parameters_, size(), out); }
  void write_parameters(const T* in) { upload(stream(), in, size(), parameters_); }
  void read_state(T* out) const { download(stream(), optimizer_.state(), state_size(), out); }
  void write_state(const T* in) { upload(stream(), in, state_size(), optimizer_.state()); }
  void read_gradients(T* out) const { download(stream(), optimizer_.gradient(), size(), out); }

 private:
  cudaStream_t stream() const { return stream_.get(); }
  const Place<T>& last() const;  // what the network ends with
  void place_values();
  void add_operations();
  void run_forward(bool bytes, bool training);
  void find_loss(bool training);
  void backward();
  void finish_outputs();
  void add_part(bool bytes, bool last);
  double run_parts(std::span<const ExamplesOf<T>> parts, double learning_rate, std::uint64_t step,
                   bool update);
  void read_outputs(Index rows, T* y);
  double read_loss();

  Plan plan_;
  ProgramOptions options_;
  Stream stream_;
  Arena arena_;
  Blas blas_;
  Setting<T> setting_;
  T* parameters_;
  T* gradients_ = nullptr;
  Staging<T> staging_;
  Optimizing<T> optimizer_;
  std::deque<Place<T>> places_;  // of the plan's values
  std::vector<OperationPtr<T>> operations_;
  std::vector<bool> back_;    // whether an operation's gradient is wanted
  T* byte_values_ = nullptr;  // what each byte stands for
  T* outputs_ = nullptr;      // [batch, outputs], dense
  double *losses_ = nullptr, *loss_ = nullptr;
  PinnedBlock pinned_outputs_, pinned_loss_;

  // Of inputs that are floats, and of those that are bytes.
  struct Graphs {
    Graph forward, evaluate, part, last_part, step;
  };
  std::array<Graphs, 2> graphs_;
};

}  // namespace nn::cuda
