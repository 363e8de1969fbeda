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
  huber,     // delta 1
  pinball,   // an output for each quantile of one number
  gaussian,  // of one number the mean and the logarithm of the variance
};
inline constexpr int most_quantiles = 100;  // of `pinball`

// Of `gaussian`: the logarithm of 1e-6, in units of the scaled target, below which no variance is.
inline constexpr float least_log_variance = -13.815511f;

constexpr bool is_classification(Loss loss) { return loss <= Loss::binary_crossentropy; }

}  // namespace nn
