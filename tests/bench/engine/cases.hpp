// The networks and batches that the engine is timed with.
#pragma once

#include <string_view>
#include <vector>

#include "backend/backend.hpp"

namespace bench {

enum class Work {
  train,    // a step
  predict,  // a forward pass
  devices,  // the same training on one device, and on two at once
};

struct Case {
  std::string_view name;
  Work work;
  std::string_view net;
  nn::Shape input;
  std::int64_t batch;
  nn::backend::OptimizerKind optimizer = nn::backend::OptimizerKind::adam;
};
inline constexpr std::int64_t outputs = 10;

const std::vector<Case>& all_cases();
const Case& find_case(std::string_view name);  // usage error

nn::Plan plan_of(const Case&);

// One JSON array: what another program needs to do the same.
std::string describe_cases();

// A network with random weights and a batch of random rows; ready to work on the device, in
// the thread that made it.
class Subject {
 public:
  Subject(const Case&, nn::backend::Backend&);
  void step() {
    if (!training_) return program_->forward(examples_.rows, x_.data(), y_.data());
    const nn::backend::Step step{{&examples_, 1}, 1e-4, step_++};
    program_->train_step({&step, 1});
  }

 private:
  bool training_;
  nn::Buffer parameters_;
  std::vector<float> x_, y_;
  std::vector<std::int32_t> labels_;
  nn::backend::Examples examples_;
  std::unique_ptr<nn::backend::Program> program_;
  std::uint64_t step_ = 0;
};

}  // namespace bench
