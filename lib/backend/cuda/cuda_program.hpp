// Networks on a CUDA device, over float, or over double to check gradients against finite
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

namespace nn::backend::cuda {

template <typename T>
struct StepOf {
  std::span<const ExamplesOf<T>> parts;
  double learning_rate = 0;
  std::uint64_t number = 0;
};

// One thread at a time, in which the device has been chosen. Allocates in its constructor only.
template <typename T>
class CudaProgram {
 public:
  // `parameters`: of each member plan.parameter_count of them, copied.
  CudaProgram(const Plan& plan, std::span<const ProgramOptions> members,
              std::span<const T* const> parameters);
  CudaProgram(const CudaProgram&) = delete;
  CudaProgram& operator=(const CudaProgram&) = delete;

  // As Program has them.
  std::size_t members() const { return members_.size(); }
  void set_active(std::size_t member, bool active) { active_[member] = active; }
  void forward(Index rows, InputsOf<T> x, T* y);
  void evaluate(const ExamplesOf<T>& examples, T* y, std::span<double> losses);
  bool keep(const ExamplesOf<T>& data) { return staging_.keep(data); }
  void train_step(std::span<const StepOf<T>> steps) { run_steps(steps, true); }
  // A step without its end, the update, and the total of losses.
  void compute_gradients(std::span<const StepOf<T>> steps, std::span<double> losses);
  void read_losses(std::span<double> losses) const;
  void start_losses(std::span<const double> losses);
  void exchange_average();

  Index size() const { return plan_.parameter_count; }
  Index state_size() const { return optimizer_.state_size(); }
  void read_parameters(std::size_t m, T* out) const { read(parameters_, m, size(), out); }
  void write_parameters(std::size_t m, const T* in) { write(in, size(), parameters_.of(m)); }
  void read_state(std::size_t m, T* out) const { read(optimizer_.state(), m, state_size(), out); }
  void write_state(std::size_t m, const T* in) { write(in, state_size(), optimizer_.state().of(m)); }
  void read_gradients(std::size_t m, T* out) const { read(optimizer_.gradient(), m, size(), out); }

 private:
  cudaStream_t stream() const { return stream_.get(); }
  Queue queue() const { return {stream(), static_cast<Index>(members())}; }
  void read(Each<const T> values, std::size_t member, Index count, T* out) const {
    download(stream(), transfer_, values.of(member), count, out);
  }
  void write(const T* in, Index count, T* to) { upload(stream(), transfer_, in, count, to); }
  const TensorView<T>& last() const;  // what the network ends with
  void place_values();
  void add_operations();
  void run_forward(const Batch<T>& batch, Source source, bool training);
  void find_loss(const Batch<T>& batch, bool training, bool ends_step);
  void backward();
  void finish_outputs();
  void add_part(Source source, bool last, bool update);
  void run_steps(std::span<const StepOf<T>> steps, bool update);
  void describe_steps(std::span<const StepOf<T>> steps);
  void choose_part(std::span<const StepOf<T>> steps, std::size_t part);
  std::span<const ExamplesOf<T>> parts_of(std::span<const StepOf<T>> steps, std::size_t member) const;
  Source send_to_all(const ExamplesOf<T>& examples);
  void queue_outputs(Index rows);
  void take_outputs(Index rows, T* y) const;
  Each<T> copied(std::span<const T* const> parameters);
  const double* read_all(Each<const double> losses) const;
  void read_active(Each<const double> from, std::span<double> losses) const;

  Plan plan_;
  std::vector<ProgramOptions> members_;
  ProgramOptions options_;  // of the first member: what all have in common
  Stream stream_;
  Arena arena_;
  Blas blas_;
  ProgramContext<T> context_;
  Each<T> parameters_, gradients_;
  Staging<T> staging_;
  Optimizing<T> optimizer_;
  std::deque<TensorView<T>> views_;  // of the plan's values
  std::vector<OperationPtr<T>> operations_;
  std::vector<bool> back_;     // whether an operation's gradient is wanted
  T* byte_values_ = nullptr;   // what each byte stands for
  Each<T> outputs_;            // [batch, answers], dense
  Each<double> losses_;        // [batch]
  Each<double> loss_, total_;  // of a step, of all
  PinnedBlock pinned_outputs_, pinned_losses_;
  Transfer transfer_;  // of weights and states

  std::vector<bool> active_;
  std::vector<StepState> states_;
  std::vector<const ExamplesOf<T>*> batches_;

  struct Graphs {
    std::array<Graph, 32> forward;  // of up to 2^i rows each
    Graph evaluate, part, last_part, step;
  };
  Graphs& graphs_of(Source source) { return graphs_[static_cast<std::size_t>(source)]; }
  std::array<Graphs, 3> graphs_;  // of each source
};

}  // namespace nn::backend::cuda
