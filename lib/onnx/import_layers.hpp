// Layers that a graph becomes, before they are words and weights. Internal to lib/onnx.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "onnx/import_flow.hpp"

namespace nn::onnx {

// A kernel as the file has it.
struct FileKernel {
  ConstantPtr constant;
  bool outputs_first = false;        // [outputs, inputs, …], not [inputs, outputs]
  double factor = 1;                 // Gemm's alpha
  std::vector<std::int64_t> places;  // dense: for each input in the file's order its place in ours
  std::vector<double> scale;         // of each output; empty: 1
};

struct ImportLayer {
  enum class Kind : std::uint8_t {
    dense,
    conv2d,
    max_pool2d,
    average_pool2d,
    global_average_pool2d,
    global_max_pool2d,
    batch_norm,
    layer_norm,
    affine,  // becomes one of the others
    activation,
    flatten,
    residual,
    concat,
  };
  Kind kind = Kind::dense;
  int node = -1;  // that it comes from, for messages

  std::int64_t units = 0;  // dense, conv2d
  FileKernel kernel;
  std::vector<double> bias;  // of each output; empty: 0
  std::vector<std::int64_t>
      output_places;  // dense: for each output in the file's order its place; empty: the same

  // Height and width.
  std::int64_t window[2] = {1, 1}, strides[2] = {1, 1}, dilations[2] = {1, 1};
  std::int64_t before[2] = {0, 0}, after[2] = {0, 0};  // what is padded
  std::int64_t groups = 1;
  bool same = false;  // the padding is that of `same`

  std::string activation;                           // activation, dense, conv2d; with its slope
  std::vector<double> scale, shift;                 // affine
  std::vector<double> gamma, beta, mean, variance;  // norms
  double epsilon = 0;
  std::vector<std::vector<ImportLayer>> branches;  // residual: two; concat
  std::int64_t channels = 0;                       // of what goes in: affine, norms
};
using ImportChain = std::vector<ImportLayer>;

// The layers that make the result of operation `to` of that of `from`. Errors (unsupported) name the node
// that can't be one.
ImportChain chain_between(const FlowGraph& graph, int from, int to);

// Puts affine layers into the layers before them, makes norms of the others, and activations part of theirs.
// Affine ones at the beginning, which are about the input, are taken out and returned, merged: empty scale
// where there are none.
ImportLayer tidy(ImportChain& chain);

// A layer that gives what it gets, of so many channels: a network has one at least.
ImportLayer identity(std::int64_t channels);

// As --net has it.
std::string net_text(const ImportChain& chain);

// Fills in the weights of all layers, in the order of their words: calls `place(name, count)` for each,
// "kernel", "bias", "gamma", …, which says where it goes. Every element is finite, or a data error names the
// node.
class WeightSink {
 public:
  virtual ~WeightSink() = default;
  virtual float* place(const char* name, std::int64_t count) = 0;
};
void write_weights(const FlowGraph& graph, const ImportChain& chain, WeightSink& sink);

}  // namespace nn::onnx
