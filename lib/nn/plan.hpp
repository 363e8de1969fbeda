// The lowering: a network as a short list of operations over one arena and one block
// of parameters. Plain data; every backend plans inside it as it likes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nn/network.hpp"

namespace nn {

// The distribution of a parameter's first values; see nn/initialise.hpp.
enum class Initializer : std::uint8_t { constant, kernel, embedding };

// One weight tensor inside the parameter block.
struct Parameter {
  std::string name;  // "dense_0/kernel" [inputs, outputs], "dense_0/bias" [outputs]; see nn-model(1)
  Shape shape;
  std::int64_t offset = 0;  // in elements, from the start of the block; a multiple of 16
  Initializer initializer = Initializer::constant;
  double initial = 0;                    // constant: this value
  std::int64_t fan_in = 0, fan_out = 0;  // kernel
  bool decays = false;                   // kernels take part in L2 and weight decay, all else doesn't
  bool trains = true;                    // false: moving statistics and what is frozen: no optimiser's
  std::int64_t size() const { return element_count(shape); }
};

// Rows of values as the operations see them: vectors are images of one pixel.
struct Image {
  std::int64_t height = 1, width = 1, channels = 0;
  std::int64_t pixels() const { return height * width; }
  std::int64_t size() const { return pixels() * channels; }
  bool operator==(const Image&) const = default;
};

// A place in the arena: `stride` elements for each row of the batch from offset * batch on,
// of which the first `size` count. Channels are next to each other, then pixels of a line,
// then lines; the stride of vectors is a multiple of 16, images lie without gaps.
struct Value {
  std::int64_t size = 0, stride = 0;
  std::int64_t offset = 0;  // a multiple of 16
};

// A window that slides over an image: output (y, x) sees the input from
// (y * strides.height - top, x * strides.width - left) on, and of that only each pixel at a multiple of
// `dilation`; outside of the image are zeros.
struct Window {
  Size kernel, strides;
  std::int64_t top = 0, left = 0;
  Size dilation = {};
};

struct Op {
  OpKind kind = OpKind::dense;
  int input = 0, output = 0;    // indices into Plan::values
  std::vector<int> others;      // add: the second input; concat: all inputs but the first
  Image in, out;                // of one row
  std::vector<int> parameters;  // indices into Plan::parameters:
                                //   dense, conv2d: kernel, bias
                                //   batch_norm: gamma, beta, moving_mean, moving_variance
                                //   layer_norm: gamma, beta; embedding: embeddings
  LayerOptions options;         // of its layer; the activation is fused into dense and conv2d
  Window window;                // conv2d, pools
  bool training_only = false;   // in predictions its output is its input: see for_prediction()
  int layer = 0;                // index into Network::layers
};

struct Plan {
  std::int64_t inputs = 0, outputs = 0;
  Loss loss = Loss::mse;
  std::vector<double> quantiles;       // of the outputs, under pinball; only training needs them
  std::vector<InputSegment> segments;  // of the batch, for embedding
  std::vector<Value> values;           // the first is the batch itself: dense rows outside of the arena
  std::vector<Op> ops;                 // in an order in which they can run
  std::vector<Parameter> parameters;
  std::int64_t parameter_count = 0;  // elements in the block, padding included
  std::int64_t values_per_row = 0;   // elements of the arena for one row

  // Values of an answer: the outputs, but for the one logit of two classes, which gives the probability of
  // either. One less the other would lose what is small.
  std::int64_t answers() const { return loss == Loss::binary_crossentropy && outputs == 1 ? 2 : outputs; }
  // Numbers of a row that outputs are compared with.
  std::int64_t targets() const { return loss == Loss::pinball || loss == Loss::gaussian ? 1 : outputs; }
};

// `network` must be resolved. Layers that don't fit their input, or sizes beyond any
// memory, are usage errors that name the layer.
Plan lower(const Network& network, Loss loss, std::vector<double> quantiles = {});

// For programs that only predict: what reads the output of a dropout, or of another operation of training
// only, reads its input.
Plan for_prediction(Plan plan);

// The layers that have parameters, by their names ("conv2d_0"), in their order.
std::vector<std::string> layers_with_parameters(const Plan& plan);
// The layer that a parameter belongs to: "dense_0" of "dense_0/kernel".
std::string_view layer_of(const Parameter& parameter);

// Freezes the layers of these names: nothing of them trains or decays any more.
void freeze(Plan& plan, std::span<const std::string> layers);

// Whether the operation has parameters and none of them trains: then training leaves them as they are, and a
// batch_norm goes by its moving statistics, as in predictions.
bool is_frozen(const Plan& plan, const Op& op);

// Elements [first, first + count) of the block of parameters.
struct ParameterRange {
  std::int64_t first = 0, count = 0;
};
// Those that training may change, in order: all but the parameters of frozen operations.
std::vector<ParameterRange> changing_parameters(const Plan& plan);

// For each value: does training need its gradient, because a weight that trains lies upstream?
std::vector<bool> values_with_gradient(const Plan& plan);

// Multiplications and additions of the matrix products that one row takes forward.
double operations_per_row(const Plan& plan);

}  // namespace nn
