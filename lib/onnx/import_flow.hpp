// What flows through a graph: for each value whether it is a constant, integers that come from shapes, or
// numbers of rows, and of those which of their dimensions are what of an image. Nodes that only change shapes
// are gone. Internal to lib/onnx.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "onnx/graph.hpp"
#include "onnx/import_arrays.hpp"

namespace nn::onnx {

// A constant of the file, or computed from such.
struct Constant {
  Tensor tensor;
  std::optional<double> all;  // in place of elements: each is this (ConstantOfShape)

  std::int64_t count() const { return tensor.count(); }
  // The elements; nothing where they are no numbers, or too many. Computed once.
  const Array* array() const;
  // The elements of any number of floats, in the order of the file.
  void copy_to(std::vector<float>& out) const;

 private:
  mutable std::optional<std::optional<Array>> array_;
};
using ConstantPtr = std::shared_ptr<const Constant>;

// An integer, times the number of rows where `rows`.
struct Extent {
  std::int64_t number = 1;
  bool rows = false;
};
struct Integers {
  std::vector<Extent> values;
  bool is_scalar = false;
};

// The values of a row: its dimensions, which are called atoms, as nothing cuts them.
enum class Role : std::uint8_t { height, width, channels };
struct Space {
  std::vector<std::int64_t> sizes;
  std::vector<Role> roles;  // of each; empty: nobody has said so far
};

// A dimension of a tensor: the atoms that are one behind the other in it, or the rows.
constexpr int rows_atom = -1;
using Group = std::vector<int>;

struct Flow {
  int op = -1;
  std::vector<Group> dims;
};

// Why a node isn't understood.
struct Unknown {
  int node = -1;  // -1: the input of that name
  std::string why;
};

using GraphValue = std::variant<Unknown, ConstantPtr, Integers, Flow>;
// Null where it is something else.
inline const Flow* flow_of(const GraphValue& value) { return std::get_if<Flow>(&value); }
inline const Unknown* unknown_of(const GraphValue& value) { return std::get_if<Unknown>(&value); }
inline const Constant* constant_of(const GraphValue& value) {
  const auto* constant = std::get_if<ConstantPtr>(&value);
  return constant == nullptr ? nullptr : constant->get();
}
inline bool is_constant(const GraphValue& value) { return std::holds_alternative<ConstantPtr>(value); }

enum class FlowType : std::uint8_t {
  input,
  dense,  // rows of vectors times a constant matrix
  conv,
  max_pool,
  average_pool,
  global_average_pool,
  global_max_pool,
  pad,
  batch_norm,
  layer_norm,
  concat,
  softmax,  // along the channels
  log_softmax,
  elementwise,  // and reductions along channels: import_recognise.hpp says what several of them are
};

// An operation on rows. Operands are the node's, in its order.
struct FlowOp {
  FlowType type = FlowType::elementwise;
  int node = -1;                     // of the graph; -1: an input
  std::vector<GraphValue> operands;  // flows and constants; Unknown: left out
  std::size_t space = 0;
  std::vector<Group> dims;  // of its result, as the file has them
  bool is_mixed = false;    // elementwise: its flows differ in shape
  int dominator = -1;       // the last operation that all ways from the inputs to this one share; -1: none
  int depth = 0;            // how many dominators it has
};

class FlowGraph {
 public:
  // Looks at all nodes. `file` must outlive this. Data errors for what contradicts itself; nodes that aren't
  // understood are unknown values, which is no error where nobody needs them.
  explicit FlowGraph(const Model& file);

  const Model& file() const { return file_; }
  const std::vector<FlowOp>& ops() const { return ops_; }
  const FlowOp& op(int index) const { return ops_[static_cast<std::size_t>(index)]; }
  const Space& space(const FlowOp& op) const { return spaces_[op.space]; }
  const Node& node(const FlowOp& op) const { return file_.graph.nodes[static_cast<std::size_t>(op.node)]; }
  std::int64_t opset() const { return file_.opset(); }

  // Null where nothing has that name.
  const GraphValue* find(std::string_view name) const;

  // "node 'n17' (LRN)", or the input's name.
  std::string describe(int node) const;

  // The values of a row in our order, height, width, channels: for each element of the group, in the file's
  // order, its place.
  std::vector<std::int64_t> places(const FlowOp& op, const Group& group) const;
  // How many elements a group has.
  std::int64_t size_of(const FlowOp& op, const Group& group) const;
  // The row's height, width and channels; 1 what it doesn't have.
  std::vector<std::int64_t> image(const FlowOp& op) const;
  bool is_vector(const FlowOp& op) const;  // not an image

 private:
  friend class Translator;
  const Model& file_;
  std::vector<FlowOp> ops_;
  std::vector<Space> spaces_;
  std::unordered_map<std::string_view, GraphValue> values_;
};

}  // namespace nn::onnx
