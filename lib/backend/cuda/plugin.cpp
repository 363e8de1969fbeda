// What nn-cuda.so gives the tools; see backend/cuda_plugin.hpp.
#include "backend/cuda/cuda_program.hpp"
#include "backend/cuda_plugin.hpp"
#include "base/error.hpp"

namespace nn::cuda {
namespace {

InputsOf<float> of(Inputs x) {
  return x.bytes != nullptr ? InputsOf<float>(x.bytes) : InputsOf<float>(x.floats);
}
ExamplesOf<float> of(const Examples& e) { return {e.rows, of(e.x), e.labels, e.targets, e.weights}; }

class FloatProgram final : public Program {
 public:
  FloatProgram(const Device& device, const Plan& plan, const ProgramOptions& options, const float* parameters)
      : index_(device.index), program_(plan, options, parameters) {
    parts_.reserve(static_cast<std::size_t>(options.parts));
  }

  void forward(std::int64_t rows, Inputs x, float* y) override { program().forward(rows, of(x), y); }
  double evaluate(const Examples& e, float* y) override { return program().evaluate(of(e), y); }
  double train_step(std::span<const Examples> parts, double learning_rate, std::uint64_t step) override {
    parts_.clear();
    for (const Examples& e : parts) parts_.push_back(of(e));
    return program().train_step(parts_, learning_rate, step);
  }
  void exchange_average() override { program().exchange_average(); }
  void read_parameters(std::span<float> out) const override { program().read_parameters(out.data()); }
  void write_parameters(std::span<const float> in) override { program().write_parameters(in.data()); }
  std::int64_t state_size() const override { return program_.state_size(); }
  void read_state(std::span<float> out) const override { program().read_state(out.data()); }
  void write_state(std::span<const float> in) override { program().write_state(in.data()); }

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
  std::vector<ExamplesOf<float>> parts_;
};

class CudaBackend final : public Backend {
 public:
  explicit CudaBackend(Device device) : device_(std::move(device)) {
    check(cudaSetDevice(device_.index), "choosing a device");
  }
  const Device& device() const override { return device_; }
  std::unique_ptr<Program> compile(const Plan& plan, const ProgramOptions& options,
                                   const float* parameters) override {
    check(cudaSetDevice(device_.index), "choosing a device");
    return std::make_unique<FloatProgram>(device_, plan, options, parameters);
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
