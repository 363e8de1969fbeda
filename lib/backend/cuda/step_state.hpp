// The state that changes from step to step, and from member to member. It lies in device memory, so that a
// recorded step can be started again and again.
#pragma once

#include <cstdint>

namespace nn::backend::cuda {

struct StepState {
  std::int64_t rows = 0;   // of the batch, that are there
  std::int64_t part = 0;   // of the step
  std::uint64_t step = 0;  // for dropout: every part has one of its own
  std::uint64_t seed = 0;  // of dropout
  double scale = 0;        // 1 / sum of the weights of all parts
  double rate = 0;         // of learning; with Adam's correction of its bias
  double shrink = 1;       // what decoupled decay leaves of a kernel
  double average_decay = 0;
  double l2 = 0, smoothing = 0;
  bool active = true;    // whether the member takes the step
  bool has_part = true;  // and has this part of it
};

}  // namespace nn::backend::cuda
