// Layers, of which networks are built: their kinds, the operations that these become, and the options that
// words give them. A new layer begins here; CONTRIBUTING has the recipe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "nn/kinds.hpp"

namespace nn {

// In the order in which messages list them. Each has a descriptor in nn/layers, without which nothing links.
enum class LayerKind : std::uint8_t {
  dense,
  activation,
  dropout,
  flatten,
  conv2d,
  max_pool2d,
  average_pool2d,
  global_average_pool2d,
  global_max_pool2d,
  batch_norm,
  layer_norm,
  embedding,
  // A residual block is written as its layers between two marks, "residual(a, b; c)":
  residual,  // its beginning
  shortcut,  // the ";": what follows goes from the block's input to its end
  add,       // its end: the sum of block and shortcut
  // Branches that are joined likewise, "concat(a, b; c; d)":
  concat,  // their beginning
  branch,  // each ";": what follows goes from the block's input to its end
  join,    // their end: the channels of all branches, behind each other
  count    // not a layer
};

// Whether it is a mark within a block or at its end: no layer that anybody writes by its word.
constexpr bool is_mark(LayerKind kind) {
  return kind == LayerKind::shortcut || kind == LayerKind::add || kind == LayerKind::branch ||
         kind == LayerKind::join;
}

// The operations that a backend computes. Each has a maker in backend/cpu/ops and one in backend/cuda/ops,
// without which neither links.
enum class OpKind : std::uint8_t {
  dense,
  activation,
  dropout,
  conv2d,
  max_pool2d,
  average_pool2d,  // over what of the window lies inside the image
  batch_norm,      // over rows and pixels, for each channel
  layer_norm,      // over the channels of each pixel
  embedding,
  add,
  concat,  // of channels
  count    // not an operation
};

// Height and width.
struct Size {
  std::int64_t height = 1, width = 1;
  bool operator==(const Size&) const = default;
};

// Pixels around an image.
struct Sides {
  std::int64_t top = 0, bottom = 0, left = 0, right = 0;
  bool operator==(const Sides&) const = default;
};

// The number that leaky_relu and elu take: where x is negative, leaky_relu is slope * x, and elu
// slope * (exp(x) - 1).
struct Slope {
  std::string_view name;  // as Keras has it; empty: the activation takes none
  double usual = 0;
};
constexpr Slope slope_taken(Activation activation) {
  switch (activation) {
    case Activation::leaky_relu: return {"negative_slope", 0.3};
    case Activation::elu: return {"alpha", 1};
    default: return {};
  }
}

// The options of a layer, as its words say them; its operations have the same. Unused ones stay as they are.
struct LayerOptions {
  std::int64_t units = 0;  // dense: outputs; 0 on the last layer until resolve(). conv2d: filters.
                           // embedding: numbers a category becomes
  Activation activation = Activation::linear;  // dense, conv2d, activation
  std::optional<double> slope;                 // of the activation, where it isn't the usual one
  double rate = 0;                             // dropout: the fraction of inputs set to zero
  Size kernel, strides;                        // conv2d and pools
  bool same = false;                           // conv2d and pools: padded, so that stride 1 keeps the size
  Sides pad;                                   // the same, padded so; not with `same`
  Size dilation;                               // conv2d: from each pixel of a window to the next one
  std::int64_t groups = 1;                     // conv2d: channels in this many separate groups
  double momentum = 0.99;                      // batch_norm: of the moving statistics
  double epsilon = 1e-3;                       // batch_norm, layer_norm
  bool operator==(const LayerOptions&) const = default;
};

struct Layer : LayerOptions {
  LayerKind kind = LayerKind::dense;
  std::string name;  // "dense_0": kind and its count from the input, as Keras has it
  bool operator==(const Layer&) const = default;
};

constexpr double slope_of(const LayerOptions& options) {
  return options.slope.value_or(slope_taken(options.activation).usual);
}

std::string_view name_of(LayerKind kind);

}  // namespace nn
