// What a network is: its layers, as text and as data. No weights, no device.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nn/kinds.hpp"
#include "tensor/batch.hpp"  // Shape

namespace nn {

std::string_view name_of(Activation activation);
Activation parse_activation(std::string_view name);  // usage error with a suggestion

std::string_view name_of(LayerKind kind);

// Height and width.
struct Size {
  std::int64_t height = 1, width = 1;
  bool operator==(const Size&) const = default;
};

struct Layer {
  LayerKind kind = LayerKind::dense;
  std::int64_t units = 0;  // dense: outputs; 0 on the last layer until resolve(). conv2d: filters.
                           // embedding: numbers a category becomes
  Activation activation = Activation::linear;  // dense, conv2d, activation
  double rate = 0;                             // dropout: the fraction of inputs set to zero
  Size kernel, strides;                        // conv2d and pools
  bool same = false;                           // conv2d and pools: padded, so that stride 1 keeps the size
  std::int64_t groups = 1;                     // conv2d: channels in this many separate groups
  double momentum = 0.99;                      // batch_norm: of the moving statistics
  double epsilon = 1e-3;                       // batch_norm, layer_norm
  std::string name;  // "dense_0": kind and its count from the input, as Keras has it
};

std::string_view name_of(Loss loss);
Loss parse_loss(std::string_view name);

// Inputs that belong together: numbers, or the one-hot code of a category.
struct InputSegment {
  std::int64_t width = 0;
  bool category = false;
  bool operator==(const InputSegment&) const = default;
};

struct Network {
  Shape input;  // of one row; filled by resolve()
  std::vector<InputSegment> segments;  // the parts of a flat input, for embedding; may be empty without one
  std::vector<Layer> layers;

  std::int64_t inputs() const { return element_count(input); }
  std::int64_t outputs() const;  // units of the last dense layer
  bool has(LayerKind kind) const;
};

// --net: layers separated by commas, words in a layer by spaces:
//   "conv2d 32 3x3 same relu, max_pool2d 2, flatten, dense 128 relu, dropout 0.5, dense"
//   "residual(conv2d 32 3x3 same relu, conv2d 32 3x3 same; conv2d 32 1x1), activation relu"
// The first dense layer without a number of units must be the last one. Errors (usage)
// name the layer and quote the word.
Network parse_network(std::string_view text);

// --layers 64,32: dense layers of that width with `activation`, then the output layer.
Network network_from_widths(std::string_view widths, Activation activation);

// Canonical text: parse_network(to_string(n)) gives n again.
std::string to_string(const Network& network);

// Fixes the input and the width of the last layer; refuses a last layer of another explicit
// width (usage error that says what the data asks for). Whether shapes fit each other is
// found out by lower().
void resolve(Network& network, Shape input, std::int64_t outputs, std::vector<InputSegment> segments = {});

}  // namespace nn
