// Makes operations of a graph's nodes. Internal to lib/onnx.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "onnx/import_flow.hpp"

namespace nn::onnx {

class Translator {
 public:
  explicit Translator(FlowGraph& graph) : graph_(graph), file_(graph.file_) {}

  void run();

 private:
  // ---- inputs
  void add_input(const ValueInfo& input);

  // ---- operations
  int add(FlowOp op, std::optional<Space> space = {});

  // The last operation that all ways to both share (Cooper, Harvey, Kennedy, "A simple, fast dominance
  // algorithm", 2001: nodes come in an order in which they can run, so that once is enough).
  int common(int a, int b) const;

  const GraphValue& value_of(const std::string& name) const;

  void put(const Node& node, GraphValue value);

  void refuse(int index, std::string why) { put(node(index), Unknown{index, std::move(why)}); }
  const Node& node(int index) const { return file_.graph.nodes[static_cast<std::size_t>(index)]; }
  Space& space_of(const Flow& flow) { return graph_.spaces_[graph_.op(flow.op).space]; }
  std::int64_t size_of(const Flow& flow, const Group& group) const;

  void translate(int index);

  void translate_flow(int index, const Node& n, std::vector<GraphValue> operands);

  // The result of an operation on the same rows.
  void same_shape(int index, FlowType type, std::vector<GraphValue> operands, const Flow& x);

  void new_shape(int index, FlowType type, std::vector<GraphValue> operands, Space space,
                 std::vector<Group> dims);

  void shape(int index, const Node& n, const std::vector<GraphValue>& operands);

  // Says which dimensions are an image's; false where they are something else already.
  bool is_image(const Flow& x, const std::array<std::pair<std::size_t, Role>, 3>& wanted);
  bool is_nchw(const Flow& x);

  Space image_space(std::int64_t height, std::int64_t width, std::int64_t channels) const;
  static std::vector<Group> nchw() { return {{rows_atom}, {2}, {0}, {1}}; }

  void conv(int index, const Node& n, std::vector<GraphValue> operands, const Flow& x);

  // What a window leaves of an image; attributes are looked at once more when the layer is written.
  struct Outcome {
    std::int64_t height = 0, width = 0;
    std::string why;  // not empty: it can't be
  };
  Outcome window_of(const Node& n, const Flow& x, std::array<std::int64_t, 2> kernel, bool is_conv) const;

  void pool(int index, const Node& n, std::vector<GraphValue> operands, const Flow& x);

  // Axes that are an image's height and width.
  std::optional<std::vector<std::size_t>> spatial_axes(const Node& n, std::span<const GraphValue> operands,
                                                       const Flow& x);

  void global_pool(int index, std::vector<GraphValue> operands, const Flow& x, std::vector<std::size_t> axes,
                   bool is_max, bool keep);

  void product(int index, const Node& n, std::vector<GraphValue> operands, const Flow& x);

  void pad(int index, const Node& n, std::vector<GraphValue> operands, const Flow& x);

  void batch_norm(int index, const Node& n, std::vector<GraphValue> operands, const Flow& x);

  void layer_norm(int index, const Node& n, std::vector<GraphValue> operands, const Flow& x);

  // Whether a dimension is all of a vector, or an image's channels.
  bool is_channels(const Flow& x, std::size_t dim);

  void softmax(int index, const Node& n, std::vector<GraphValue> operands, const Flow& x);

  void concat(int index, const Node& n, std::vector<GraphValue> operands);

  void elementwise(int index, const Node&, std::vector<GraphValue> operands);

  // Whether elements at the same place are the same one of a row.
  bool same_dims(const Flow& a, const Flow& b);

  FlowGraph& graph_;
  const Model& file_;
  std::optional<std::int64_t> fixed_rows_;
};

}  // namespace nn::onnx
