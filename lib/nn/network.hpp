// A network is its layers, as text and as data. It has no weights and no device.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/enum_names.hpp"
#include "nn/layer.hpp"
#include "tensor/batch.hpp"  // Shape

namespace nn {

const EnumNames<Activation>& enum_names(Activation);
std::string_view name_of(Activation activation);
Activation parse_activation(std::string_view name);  // usage error with a suggestion

const EnumNames<Loss>& enum_names(Loss);
std::string_view name_of(Loss loss);
Loss parse_loss(std::string_view name);

// A loss with what it is about: "mse", "pinball:0.1,0.5,0.9".
struct LossChoice {
  Loss loss = Loss::mse;
  std::vector<double> quantiles;  // pinball: ascending, between 0 and 1; else empty
  bool operator==(const LossChoice&) const = default;
};
// Usage errors for a pinball without quantiles, for such as are not between 0 and 1 or come twice, for more
// than most_quantiles, and for quantiles of another loss. Quantiles may be in any order.
LossChoice parse_loss_choice(std::string_view text);
std::string to_string(const LossChoice& choice);
// Whether they are what a loss may have.
bool are_quantiles(std::span<const double> values);

// Inputs that belong together: numbers, or the one-hot code of a category.
struct InputSegment {
  std::int64_t width = 0;
  bool category = false;
  bool operator==(const InputSegment&) const = default;
};

struct Network {
  Shape input;                         // of one row; filled by resolve()
  std::vector<InputSegment> segments;  // the parts of a flat input, for embedding; may be empty without one
  std::vector<Layer> layers;
  std::int64_t width = 0;  // of what it gives; filled by resolve()

  std::int64_t inputs() const { return element_count(input); }
  std::int64_t outputs() const { return width; }
};

// --net: layers separated by commas, words in a layer by spaces:
//   "conv2d 32 3x3 same relu, max_pool2d 2, flatten, dense 128 relu, dropout 0.5, dense"
//   "residual(conv2d 32 3x3 same relu, conv2d 32 3x3 same; conv2d 32 1x1), activation relu"
//   "concat(conv2d 12 3x3 same relu; ), concat(conv2d 8 1x1; conv2d 8 3x3 same; max_pool2d 3 strides 1 same)"
// Only the last dense layer may be without a number of units. Errors (usage)
// name the layer and quote the word.
Network parse_network(std::string_view text);

// --layers 64,32: dense layers of that width with `activation`, then the output layer.
Network network_from_widths(std::string_view widths, Activation activation);

// Canonical text: parse_network(to_string(n)) gives n again.
std::string to_string(const Network& network);

// Whether the network's last values have gone through an activation: then they are over its range alone.
bool ends_with_activation(const Network& network);

// Refuses what stands behind the last layer of a network whose loss makes something of all real numbers
// (usage error with the right spelling): softmax or sigmoid for classes, a mean and a variance for
// `gaussian`. An activation, a norm or dropout before that would be one too many.
void check_last_layer(const Network& network, Loss loss);

// Fixes the input and the width of the last dense layer, where that has none; refuses another explicit width
// where nothing behind it changes it (usage error that says what the data asks for). Whether shapes fit each
// other, and a network without dense layers what the data asks for, is found out by lower().
void resolve(Network& network, Shape input, std::int64_t outputs, std::vector<InputSegment> segments = {});

}  // namespace nn
