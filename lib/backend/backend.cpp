#include "backend/backend.hpp"

#include <algorithm>
#include <mutex>

#include "backend/cpu/cpu_program.hpp"
#include "backend/cuda_plugin.hpp"
#include "base/error.hpp"

namespace nn {
namespace {

class FloatProgram final : public Program {
 public:
  FloatProgram(const Plan& plan, const ProgramOptions& options, const float* parameters,
               std::shared_ptr<cpu::Team> team)
      : team_(std::move(team)), program_(plan, options, parameters, cpu::chosen_isa(), team_.get()) {
    const auto parts = static_cast<std::size_t>(options.parts);
    parts_.reserve(parts);
    if (!options.byte_values) return;
    byte_values_ = *options.byte_values;
    inputs_ = static_cast<std::size_t>(plan.inputs);
    room_ = inputs_ * static_cast<std::size_t>(options.batch);
    floats_ = Buffer(room_ * parts * sizeof(float));
  }

  void forward(std::int64_t rows, Inputs x, float* y) override {
    program_.forward(rows, floats_of(x, rows, 0), y);
  }
  double evaluate(const Examples& e, float* y) override { return program_.evaluate(of(e, 0), y); }
  double train_step(std::span<const Examples> parts, double learning_rate, std::uint64_t step) override {
    parts_.clear();
    for (const Examples& e : parts) parts_.push_back(of(e, parts_.size()));
    const double loss = program_.compute_gradients(parts_, step);
    program_.apply_gradients(learning_rate, step);
    return loss;
  }
  void exchange_average() override { program_.exchange_average(); }
  void read_parameters(std::span<float> out) const override {
    std::copy(program_.current_parameters().begin(), program_.current_parameters().end(), out.begin());
  }
  void write_parameters(std::span<const float> in) override {
    std::copy(in.begin(), in.end(), program_.parameters().begin());
  }
  std::int64_t state_size() const override { return static_cast<std::int64_t>(program_.state().size()); }
  void read_state(std::span<float> out) const override {
    std::copy(program_.state().begin(), program_.state().end(), out.begin());
  }
  void write_state(std::span<const float> in) override {
    std::copy(in.begin(), in.end(), program_.state().begin());
  }

 private:
  cpu::ExamplesOf<float> of(const Examples& e, std::size_t part) {
    return {e.rows, floats_of(e.x, e.rows, part), e.labels, e.targets, e.weights};
  }

  const float* floats_of(Inputs x, std::int64_t rows, std::size_t part) {
    if (x.bytes == nullptr) return x.floats;
    if (floats_.size() == 0) fail(ErrorKind::internal, "bytes for a program that takes floats");
    float* floats = floats_.as<float>() + part * room_;
    const std::size_t count = std::min(inputs_ * static_cast<std::size_t>(rows), room_);
    for (std::size_t i = 0; i < count; ++i) floats[i] = byte_values_[x.bytes[i]];
    return floats;
  }

  std::shared_ptr<cpu::Team> team_;
  cpu::CpuProgram<float> program_;
  std::vector<cpu::ExamplesOf<float>> parts_;
  ByteValues byte_values_{};
  std::size_t inputs_ = 0, room_ = 0;  // floats of a row, and of the largest batch
  Buffer floats_;                      // of inputs that are bytes, a batch for each part
};

class CpuBackend final : public Backend {
 public:
  explicit CpuBackend(Device device) : device_(std::move(device)) {}
  const Device& device() const override { return device_; }
  std::unique_ptr<Program> compile(const Plan& plan, const ProgramOptions& options,
                                   const float* parameters) override {
    // The team's other threads have the other cores.
    Device first = device_;
    if (!first.cores.empty()) first.cores.resize(1);
    pin_thread(first);
    const double work = operations_per_row(plan) * static_cast<double>(options.batch);
    return std::make_unique<FloatProgram>(plan, options, parameters,
                                          work >= cpu::worth_sharing ? team() : nullptr);
  }

 private:
  // The device's threads, shared by its programs; null where it has one core.
  std::shared_ptr<cpu::Team> team() {
    const std::scoped_lock lock(mutex_);
    if (team_ == nullptr && thread_count(device_) > 1) team_ = std::make_shared<cpu::Team>(device_);
    return team_;
  }

  Device device_;
  std::mutex mutex_;
  std::shared_ptr<cpu::Team> team_;
};

}  // namespace

std::unique_ptr<Backend> open_backend(const Device& device) {
  check_device(device);
  if (device.kind == Device::Kind::cuda) return open_cuda_backend(device);
  return std::make_unique<CpuBackend>(device);
}

}  // namespace nn
