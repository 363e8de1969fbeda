#include "backend/backend.hpp"

#include <algorithm>
#include <deque>
#include <vector>

#include "backend/cpu/cpu_program.hpp"
#include "backend/cuda_plugin.hpp"
#include "backend/step.hpp"
#include "base/error.hpp"

namespace nn::backend {
namespace {

// Members one after the other: the products of one are as fast as this core computes already.
class FloatProgram final : public Program {
 public:
  FloatProgram(const Plan& plan, std::span<const ProgramOptions> members,
               std::span<const float* const> parameters, std::shared_ptr<cpu::Team> team)
      : team_(std::move(team)), shared_(members.front().shared_batches) {
    for (std::size_t m = 0; m < members.size(); ++m)
      programs_.emplace_back(plan, members[m], parameters[m], cpu::chosen_isa(), team_.get());
    active_.assign(members.size(), true);
    losses_.assign(members.size(), 0);
    const ProgramOptions& options = members.front();
    answers_ = plan.answers();
    const auto parts = static_cast<std::size_t>(options.parts);
    parts_.reserve(parts);
    if (!options.byte_values) return;
    byte_values_ = *options.byte_values;
    inputs_ = static_cast<std::size_t>(plan.inputs);
    room_ = inputs_ * static_cast<std::size_t>(options.batch);
    floats_ = Buffer(room_ * parts * sizeof(float));
  }

  std::size_t members() const override { return programs_.size(); }
  void set_active(std::size_t member, bool active) override { active_[member] = active; }

  void forward(std::int64_t rows, Inputs x, float* y) override {
    const float* floats = floats_of(x, rows, 0);
    for_active([&](std::size_t m) {
      programs_[m].forward(rows, floats, y + static_cast<std::int64_t>(m) * rows * answers_);
    });
  }
  void evaluate(const Examples& examples, float* y, std::span<double> losses) override {
    const cpu::ExamplesOf<float> e = of(examples, 0);
    for_active([&](std::size_t m) {
      float* out = y != nullptr ? y + static_cast<std::int64_t>(m) * e.rows * answers_ : nullptr;
      losses[m] = programs_[m].evaluate(e, out);
    });
  }
  void train_step(std::span<const Step> steps) override {
    bool fresh = true;
    for_active([&](std::size_t m) {
      if (fresh || !shared_) take(steps[m].parts);
      fresh = false;
      losses_[m] += programs_[m].compute_gradients(parts_, steps[m].number);
      programs_[m].apply_gradients(steps[m].learning_rate, steps[m].number);
    });
  }
  void read_losses(std::span<double> losses) const override {
    std::copy(losses_.begin(), losses_.end(), losses.begin());
  }
  void start_losses(std::span<const double> losses) override { losses_.assign(losses.begin(), losses.end()); }
  void exchange_average() override {
    for (auto& program : programs_) program.exchange_average();
  }
  void read_parameters(std::size_t member, std::span<float> out) const override {
    std::ranges::copy(programs_[member].current_parameters(), out.begin());
  }
  void write_parameters(std::size_t member, std::span<const float> in) override {
    std::ranges::copy(in, programs_[member].parameters().begin());
  }
  std::int64_t state_size() const override {
    return static_cast<std::int64_t>(programs_.front().state().size());
  }
  void read_state(std::size_t member, std::span<float> out) const override {
    std::ranges::copy(programs_[member].state(), out.begin());
  }
  void write_state(std::size_t member, std::span<const float> in) override {
    std::ranges::copy(in, programs_[member].state().begin());
  }

 private:
  template <typename F>
  void for_active(F f) {
    for (std::size_t m = 0; m < programs_.size(); ++m) {
      if (active_[m]) f(m);
    }
  }

  void take(std::span<const Examples> parts) {
    parts_.clear();
    for (const Examples& e : parts) parts_.push_back(of(e, parts_.size()));
  }

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
  std::deque<cpu::CpuProgram<float>> programs_;
  std::vector<bool> active_;
  std::vector<double> losses_;
  bool shared_;
  std::int64_t answers_ = 0;
  std::vector<cpu::ExamplesOf<float>> parts_;
  ByteValues byte_values_{};
  std::size_t inputs_ = 0, room_ = 0;  // floats of a row, and of the largest batch
  Buffer floats_;                      // of inputs that are bytes, a batch for each part
};

class CpuBackend final : public Backend {
 public:
  explicit CpuBackend(Device device) : device_(std::move(device)) {}
  const Device& device() const override { return device_; }
  std::unique_ptr<Program> compile(const Plan& plan, std::span<const ProgramOptions> members,
                                   std::span<const float* const> parameters) override {
    check_alike(members);
    // The team's other threads have the other cores.
    Device first = device_;
    if (!first.cores.empty()) first.cores.resize(1);
    pin_thread(first);
    const double work = operations_per_row(plan) * static_cast<double>(members.front().batch);
    return std::make_unique<FloatProgram>(plan, members, parameters,
                                          work >= cpu::worth_sharing ? cpu::team_of(device_) : nullptr);
  }

 private:
  Device device_;
};

}  // namespace

std::unique_ptr<Backend> open_backend(const Device& device) {
  check_device(device);
  if (device.kind == Device::Kind::cuda) return open_cuda_backend(device);
  return std::make_unique<CpuBackend>(device);
}

}  // namespace nn::backend
