// The three parts of a graph that a model becomes: what makes a row out of columns, the network, and what
// makes answers out of its outputs. Internal to lib/onnx.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/model.hpp"
#include "nn/plan.hpp"
#include "onnx/export.hpp"
#include "onnx/graph_builder.hpp"

namespace nn::onnx {

enum class Layout : std::uint8_t {
  vector,  // [batch, n]
  nhwc,    // [batch, height, width, channels]
  nchw,    // [batch, channels, height, width]
};

// A value of the network as the graph has it.
struct Value {
  std::string name;  // of the node's output
  Layout layout = Layout::vector;
  // Of an image, its size. Of a vector, that of the image whose values it has in the order of nchw; one pixel
  // where its values are in the order that the network has them in.
  Image image;

  bool in_other_order() const { return layout == Layout::vector && image.pixels() > 1 && image.channels > 1; }
};

// For each place of an image's values in the order of nchw its place in that of nhwc.
std::vector<std::int64_t> nchw_order(const Image& image);

// A column of the table, or a run of columns of numbers beside each other, on its way into the network.
struct Piece {
  bool category = false;
  // Of a category the input or what became of it: indices [batch] of its texts, count + 1 of them, the last
  // of which is the unknown one. Else scaled numbers [batch, width].
  std::string name;
  std::string column;      // of a category
  std::int64_t width = 0;  // of numbers, or how many categories there are
};

// What a table, or a tensor, is for the network.
struct Inputs {
  std::vector<Piece> pieces;        // of columns
  Value image;                      // of a tensor that is the only column; pieces are empty then
  std::vector<std::string> losing;  // columns that lose digits as float32
};

// Adds the inputs and the nodes that scale them.
Inputs add_inputs(GraphBuilder& graph, const model::Model& model, const ExportOptions& options);
// Pieces beside each other, categories as vectors of 0 and 1.
Value join_one_hot(GraphBuilder& graph, const std::vector<Piece>& pieces);

// A node of the activation behind `input`, named by the layer; `input` itself where it is linear.
std::string add_activation(GraphBuilder& graph, const std::string& layer, const LayerOptions& options,
                           const std::string& input);

// The network's outputs, as a vector in the network's order. `plan` is for_prediction().
Value add_layers(GraphBuilder& graph, const Plan& plan, const model::Model& model, const Inputs& inputs);

// A vector or image as a vector in the network's order.
std::string as_vector(GraphBuilder& graph, const std::string& layer, const Value& value);

// The names that the answers get, taken before others want them.
struct AnswerNames {
  std::string answers, label;  // no label where numbers are answered
};
AnswerNames reserve_answers(GraphBuilder& graph, const model::Model& model);
void add_answers(GraphBuilder& graph, const model::Model& model, const ExportOptions& options,
                 const std::string& outputs, const AnswerNames& names);

}  // namespace nn::onnx
