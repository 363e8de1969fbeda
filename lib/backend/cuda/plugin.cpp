// What nn-cuda.so gives the tools; see backend/cuda_plugin.hpp.
#include "backend/cuda/cuda_program.hpp"
#include "backend/cuda_plugin.hpp"
#include "backend/step.hpp"
#include "base/error.hpp"

namespace nn::cuda {
namespace {

InputsOf<float> of(Inputs x) {
  return x.bytes != nullptr ? InputsOf<float>(x.bytes) : InputsOf<float>(x.floats);
}
ExamplesOf<float> of(const Examples& e) {
  return {e.rows, of(e.x), e.labels, e.targets, e.weights, e.chosen};
}

class FloatProgram final : public Program {
 public:
  FloatProgram(const Device& device, const Plan& plan, std::span<const ProgramOptions> members,
               std::span<const float* const> parameters)
      : index_(device.index), program_(plan, members, parameters), parts_(members.size()) {
    for (auto& parts : parts_) parts.reserve(static_cast<std::size_t>(members.front().parts));
    steps_.reserve(members.size());
  }

  std::size_t members() const override { return program_.members(); }
  void set_active(std::size_t member, bool active) override { program_.set_active(member, active); }
  void forward(std::int64_t rows, Inputs x, float* y) override { program().forward(rows, of(x), y); }
  void evaluate(const Examples& e, float* y, std::span<double> losses) override {
    program().evaluate(of(e), y, losses);
  }
  bool keep(const Examples& data) override { return program().keep(of(data)); }
  void train_step(std::span<const Step> steps) override {
    steps_.clear();
    for (std::size_t m = 0; m < steps.size(); ++m) {
      parts_[m].clear();
      for (const Examples& e : steps[m].parts) parts_[m].push_back(of(e));
      steps_.push_back({parts_[m], steps[m].learning_rate, steps[m].number});
    }
    program().train_step(steps_);
  }
  void read_losses(std::span<double> losses) const override { program().read_losses(losses); }
  void start_losses(std::span<const double> losses) override { program().start_losses(losses); }
  std::uint64_t steps_between_losses() const override { return 32; }
  void exchange_average() override { program().exchange_average(); }
  void read_parameters(std::size_t m, std::span<float> out) const override {
    program().read_parameters(m, out.data());
  }
  void write_parameters(std::size_t m, std::span<const float> in) override {
    program().write_parameters(m, in.data());
  }
  std::int64_t state_size() const override { return program_.state_size(); }
  void read_state(std::size_t m, std::span<float> out) const override { program().read_state(m, out.data()); }
  void write_state(std::size_t m, std::span<const float> in) override { program().write_state(m, in.data()); }

 private:
  // Each thread has a device of its own that calls go to.
  CudaProgram<float>& program() {
    check(cudaSetDevice(index_), "choosing a device");
    return program_;
  }
  const CudaProgram<float>& program() const {
    check(cudaSetDevice(index_), "choosing a device");
    return program_;
  }

  int index_;
  CudaProgram<float> program_;
  std::vector<std::vector<ExamplesOf<float>>> parts_;  // of each member
  std::vector<StepOf<float>> steps_;
};

class CudaBackend final : public Backend {
 public:
  explicit CudaBackend(Device device) : device_(std::move(device)) {
    check(cudaSetDevice(device_.index), "choosing a device");
  }
  const Device& device() const override { return device_; }
  std::unique_ptr<Program> compile(const Plan& plan, std::span<const ProgramOptions> members,
                                   std::span<const float* const> parameters) override {
    check_alike(members);
    check(cudaSetDevice(device_.index), "choosing a device");
    return std::make_unique<FloatProgram>(device_, plan, members, parameters);
  }
  std::int64_t values_at_once() const override { return 1 << 26; }  // 256 MiB
  bool gains_from_members() const override { return true; }

 private:
  Device device_;
};

}  // namespace
}  // namespace nn::cuda

#define NN_EXPORT extern "C" __attribute__((visibility("default")))

NN_EXPORT int nn_cuda_interface() { return nn::cuda_plugin_interface; }

NN_EXPORT nn::Backend* nn_cuda_open(const nn::Device& device) {
  try {
    return new nn::cuda::CudaBackend(device);
  } catch (const nn::Error& error) {
    throw error.within(to_string(device));
  }
}
