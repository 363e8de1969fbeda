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
  relu6,
  silu,
  hard_swish,
  hard_sigmoid,
  mish,
  softsign,
  gelu_tanh,
};

// Whether the derivative is computed from the argument, which training keeps then; else from the value.
constexpr bool keeps_argument(Activation activation) {
  switch (activation) {
    case Activation::gelu:
    case Activation::gelu_tanh:
    case Activation::silu:
    case Activation::hard_swish:
    case Activation::mish: return true;
    default: return false;
  }
}

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
