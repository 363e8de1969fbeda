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

struct Layer {
  LayerKind kind = LayerKind::dense;
  std::int64_t units = 0;                      // dense: outputs; 0 on the last layer until resolve()
  Activation activation = Activation::linear;  // dense, activation
  double rate = 0;                             // dropout: the fraction of inputs set to zero
  std::string name;  // "dense_0": kind and its count from the input, as Keras has it
};

std::string_view name_of(Loss loss);
Loss parse_loss(std::string_view name);

struct Network {
  Shape input;  // of one row; filled by resolve()
  std::vector<Layer> layers;

  std::int64_t inputs() const { return element_count(input); }
  std::int64_t outputs() const;  // units of the last dense layer
};

// --net: layers separated by commas, words in a layer by spaces:
//   "dense 128 relu, dropout 0.5, dense 64 tanh, dense"
// The first dense layer without a number of units must be the last one. Errors (usage)
// name the layer and quote the word.
Network parse_network(std::string_view text);

// --layers 64,32: dense layers of that width with `activation`, then the output layer.
Network network_from_widths(std::string_view widths, Activation activation);

// Canonical text: parse_network(to_string(n)) gives n again.
std::string to_string(const Network& network);

// Fixes input shape and width of the last layer; refuses a last layer of another
// explicit width (usage error that says what the data asks for).
void resolve(Network& network, Shape input, std::int64_t outputs);

}  // namespace nn
