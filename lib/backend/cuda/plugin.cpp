// The interface of nn-cuda.so to the tools; see backend/cuda_plugin.hpp.
#include "backend/cuda/cuda_program.hpp"
#include "backend/cuda_plugin.hpp"
#include "backend/step.hpp"
#include "base/error.hpp"
#include "plugin_abi.h"

namespace nn::backend::cuda {
namespace {

InputsOf<float> of(Inputs x) {
  return x.bytes != nullptr ? InputsOf<float>(x.bytes) : InputsOf<float>(x.floats);
}
ExamplesOf<float> of(const Examples& e) {
  return {e.rows, of(e.x), e.labels, e.targets, e.weights, e.chosen};
}

// f() on a device, which each thread has to choose for itself. Errors name it.
template <typename F>
decltype(auto) on(const Device& device, F f) {
  try {
    check(cudaSetDevice(device.index), "choosing a device");
    return f();
  } catch (const Error& error) {
    throw error.within(to_string(device));
  }
}

class FloatProgram final : public Program {
 public:
  FloatProgram(const Device& device, const Plan& plan, std::span<const ProgramOptions> members,
               std::span<const float* const> parameters)
      : device_(device), program_(plan, members, parameters), parts_(members.size()) {
    for (auto& parts : parts_) parts.reserve(static_cast<std::size_t>(members.front().parts));
    steps_.reserve(members.size());
  }
  // The thread that comes here gives its memory on the device back.
  ~FloatProgram() override { static_cast<void>(cudaSetDevice(device_.index)); }

  std::size_t members() const override { return program_.members(); }
  void set_active(std::size_t member, bool active) override { program_.set_active(member, active); }
  void forward(std::int64_t rows, Inputs x, float* y) override {
    on(device_, [&] { program_.forward(rows, of(x), y); });
  }
  void evaluate(const Examples& e, float* y, std::span<double> losses) override {
    on(device_, [&] { program_.evaluate(of(e), y, losses); });
  }
  bool keep(const Examples& data) override {
    return on(device_, [&] { return program_.keep(of(data)); });
  }
  void train_step(std::span<const Step> steps) override {
    steps_.clear();
    for (std::size_t m = 0; m < steps.size(); ++m) {
      parts_[m].clear();
      for (const Examples& e : steps[m].parts) parts_[m].push_back(of(e));
      steps_.push_back({parts_[m], steps[m].learning_rate, steps[m].number});
    }
    on(device_, [&] { program_.train_step(steps_); });
  }
  void read_losses(std::span<double> losses) const override {
    on(device_, [&] { program_.read_losses(losses); });
  }
  void start_losses(std::span<const double> losses) override {
    on(device_, [&] { program_.start_losses(losses); });
  }
  std::uint64_t steps_between_losses() const override { return 32; }
  void exchange_average() override {
    on(device_, [&] { program_.exchange_average(); });
  }
  void read_parameters(std::size_t m, std::span<float> out) const override {
    on(device_, [&] { program_.read_parameters(m, out.data()); });
  }
  void write_parameters(std::size_t m, std::span<const float> in) override {
    on(device_, [&] { program_.write_parameters(m, in.data()); });
  }
  std::int64_t state_size() const override { return program_.state_size(); }
  void read_state(std::size_t m, std::span<float> out) const override {
    on(device_, [&] { program_.read_state(m, out.data()); });
  }
  void write_state(std::size_t m, std::span<const float> in) override {
    on(device_, [&] { program_.write_state(m, in.data()); });
  }

 private:
  Device device_;
  CudaProgram<float> program_;
  std::vector<std::vector<ExamplesOf<float>>> parts_;  // of each member
  std::vector<StepOf<float>> steps_;
};

class CudaBackend final : public Backend {
 public:
  explicit CudaBackend(Device device) : device_(std::move(device)) {
    on(device_, [] {});
  }
  const Device& device() const override { return device_; }
  std::unique_ptr<Program> compile(const Plan& plan, std::span<const ProgramOptions> members,
                                   std::span<const float* const> parameters) override {
    check_alike(members);
    return on(device_, [&] { return std::make_unique<FloatProgram>(device_, plan, members, parameters); });
  }
  std::int64_t values_at_once() const override { return 1 << 26; }  // 256 MiB
  bool copies_parameters() const override { return true; }
  bool records_sizes() const override { return true; }
  bool gains_from_members() const override { return true; }

 private:
  Device device_;
};

}  // namespace
}  // namespace nn::backend::cuda

#define NN_EXPORT extern "C" __attribute__((visibility("default")))

NN_EXPORT const char* nn_cuda_abi() { return NN_PLUGIN_ABI; }

NN_EXPORT nn::backend::Backend* nn_cuda_open(const nn::backend::Device& device) {
  return new nn::backend::cuda::CudaBackend(device);
}
