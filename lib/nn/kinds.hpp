// The kinds that a network is made of, as numbers: for code that computes with them.
#pragma once

#include <cstdint>

namespace nn {

enum class Activation : std::uint8_t {
  linear,
  relu,
  leaky_relu,
  elu,
  selu,
  gelu,
  tanh,
  sigmoid,
  softplus,
};

// The loss also fixes what the outputs mean: with cross-entropy the last layer gives
// logits and forward() applies softmax or sigmoid to them.
enum class Loss : std::uint8_t {
  categorical_crossentropy,  // softmax over the outputs
  binary_crossentropy,       // one logit for two classes
  mse,
  mae,
  huber,  // delta 1
};
constexpr bool is_classification(Loss loss) { return loss <= Loss::binary_crossentropy; }

}  // namespace nn
