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
ExamplesOf<float> of(const Examples& e) { return {e.rows, of(e.x), e.labels, e.targets, e.weights}; }

class FloatProgram final : public Program {
 public:
  FloatProgram(const Device& device, const Plan& plan, std::span<const ProgramOptions> members,
               std::span<const float* const> parameters)
      : index_(device.index), outputs_(plan.outputs), active_(members.size(), true), losses_(members.size()) {
    for (std::size_t m = 0; m < members.size(); ++m)
      programs_.push_back(std::make_unique<CudaProgram<float>>(plan, members[m], parameters[m]));
    parts_.reserve(static_cast<std::size_t>(members.front().parts));
  }

  std::size_t members() const override { return programs_.size(); }
  void set_active(std::size_t member, bool active) override { active_[member] = active; }
  void forward(std::int64_t rows, Inputs x, float* y) override {
    for_active([&](std::size_t m) {
      programs_[m]->forward(rows, of(x), y + static_cast<std::int64_t>(m) * rows * outputs_);
    });
  }
  void evaluate(const Examples& e, float* y, std::span<double> losses) override {
    for_active([&](std::size_t m) {
      float* out = y != nullptr ? y + static_cast<std::int64_t>(m) * e.rows * outputs_ : nullptr;
      losses[m] = programs_[m]->evaluate(of(e), out);
    });
  }
  void train_step(std::span<const Step> steps) override {
    for_active([&](std::size_t m) {
      parts_.clear();
      for (const Examples& e : steps[m].parts) parts_.push_back(of(e));
      losses_[m] += programs_[m]->train_step(parts_, steps[m].learning_rate, steps[m].number);
    });
  }
  void read_losses(std::span<double> losses) const override {
    std::copy(losses_.begin(), losses_.end(), losses.begin());
  }
  void start_losses(std::span<const double> losses) override { losses_.assign(losses.begin(), losses.end()); }
  void exchange_average() override {
    choose();
    for (const auto& program : programs_) program->exchange_average();
  }
  void read_parameters(std::size_t m, std::span<float> out) const override {
    choose();
    programs_[m]->read_parameters(out.data());
  }
  void write_parameters(std::size_t m, std::span<const float> in) override {
    choose();
    programs_[m]->write_parameters(in.data());
  }
  std::int64_t state_size() const override { return programs_.front()->state_size(); }
  void read_state(std::size_t m, std::span<float> out) const override {
    choose();
    programs_[m]->read_state(out.data());
  }
  void write_state(std::size_t m, std::span<const float> in) override {
    choose();
    programs_[m]->write_state(in.data());
  }

 private:
  // Each thread has a device of its own that calls go to.
  void choose() const { check(cudaSetDevice(index_), "choosing a device"); }
  template <typename F>
  void for_active(F f) const {
    choose();
    for (std::size_t m = 0; m < programs_.size(); ++m) {
      if (active_[m]) f(m);
    }
  }

  int index_;
  std::int64_t outputs_;
  std::vector<bool> active_;
  std::vector<double> losses_;
  std::vector<std::unique_ptr<CudaProgram<float>>> programs_;
  std::vector<ExamplesOf<float>> parts_;
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
