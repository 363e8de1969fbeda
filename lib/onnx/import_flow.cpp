#include "onnx/import_flow.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "base/error.hpp"
#include "base/text.hpp"
#include "onnx/import_shapes.hpp"
#include "onnx/import_translator.hpp"
#include "tensor/batch.hpp"  // to_string() of a shape

namespace nn::onnx {
namespace {

std::string plural(std::size_t count) { return fmt::format("{} dimensions", count); }

}  // namespace

const Array* Constant::array() const {
  if (!array_) {
    if (!all) {
      array_ = array_of(tensor);
    } else if (count() <= most_elements) {
      array_ = Array{tensor.dims, std::vector<double>(static_cast<std::size_t>(count()), *all)};
    } else {
      array_ = std::optional<Array>();
    }
  }
  return *array_ ? &**array_ : nullptr;
}

void Constant::copy_to(std::vector<float>& out) const {
  if (all) {
    out.assign(static_cast<std::size_t>(count()), static_cast<float>(*all));
  } else {
    out = floats_of(tensor);
  }
}

void Translator::run() {
  for (const Tensor& tensor : file_.graph.initializers) {
    auto constant = std::make_shared<Constant>();
    constant->tensor = tensor;
    graph_.values_[tensor.name] = ConstantPtr(std::move(constant));
  }
  for (std::size_t i = 0; i < file_.graph.inputs.size(); ++i) add_input(file_.graph.inputs[i]);
  for (std::size_t i = 0; i < file_.graph.nodes.size(); ++i) translate(static_cast<int>(i));
}

void Translator::add_input(const ValueInfo& input) {
  const auto unknown = [&](std::string why) { graph_.values_[input.name] = Unknown{-1, std::move(why)}; };
  if (input.kind != ValueInfo::Kind::tensor) return unknown("it is no tensor");
  if (!is_floating(input.type)) return unknown(fmt::format("it takes {}, not floats", name_of(input.type)));
  if (!input.has_shape || input.dims.empty()) return unknown("the file doesn't say its shape");
  Space space;
  FlowOp op;
  op.type = FlowType::input;
  op.dims.push_back({rows_atom});
  for (std::size_t i = 1; i < input.dims.size(); ++i) {
    const std::optional<std::int64_t> size = input.dims[i].value;
    if (!size || *size < 1 || *size > INT32_MAX)
      return unknown(fmt::format("dimension {} of its shape has no fixed size", i));
    op.dims.push_back({static_cast<int>(space.sizes.size())});
    space.sizes.push_back(*size);
  }
  if (space.sizes.size() > 3) return unknown(fmt::format("rows of {}", plural(space.sizes.size())));
  if (space.sizes.empty()) return unknown("its rows have no dimension");
  std::int64_t elements = 1;
  for (const std::int64_t size : space.sizes) {
    elements *= size;
    if (elements > INT32_MAX) return unknown("its rows are larger than any network's here");
  }
  if (input.dims[0].value) fixed_rows_ = *input.dims[0].value;
  if (space.sizes.size() == 1) space.roles = {Role::channels};
  graph_.values_[input.name] = Flow{add(std::move(op), std::move(space)), {}};
  std::get<Flow>(graph_.values_[input.name]).dims = graph_.ops_.back().dims;
}

int Translator::add(FlowOp op, std::optional<Space> space) {
  if (space) {
    op.space = graph_.spaces_.size();
    graph_.spaces_.push_back(std::move(*space));
  }
  int dominator = -2;
  for (const GraphValue& operand : op.operands) {
    if (const Flow* flow = flow_of(operand))
      dominator = dominator == -2 ? flow->op : common(dominator, flow->op);
  }
  op.dominator = std::max(dominator, -1);
  op.depth = op.dominator < 0 ? 0 : graph_.op(op.dominator).depth + 1;
  graph_.ops_.push_back(std::move(op));
  return static_cast<int>(graph_.ops_.size()) - 1;
}

int Translator::common(int a, int b) const {
  while (a != b && a >= 0 && b >= 0) {
    if (graph_.op(a).depth >= graph_.op(b).depth) {
      a = graph_.op(a).dominator;
    } else {
      b = graph_.op(b).dominator;
    }
  }
  return a == b ? a : -1;
}

const GraphValue& Translator::value_of(const std::string& name) const {
  static const GraphValue none = Unknown{-1, "it is left out"};
  const auto found = graph_.values_.find(name);
  return found == graph_.values_.end() ? none : found->second;
}

void Translator::put(const Node& node, GraphValue value) {
  if (!node.outputs.empty() && !node.outputs[0].empty()) graph_.values_[node.outputs[0]] = std::move(value);
}

void Translator::translate(int index) {
  const Node& n = node(index);
  for (std::size_t i = 1; i < n.outputs.size(); ++i) {
    if (!n.outputs[i].empty())
      graph_.values_[n.outputs[i]] = Unknown{index, fmt::format("its output {} is used", i + 1)};
  }
  std::vector<GraphValue> operands;
  const Flow* flow = nullptr;
  bool constant = true;
  for (const std::string& name : n.inputs) {
    operands.push_back(name.empty() ? GraphValue(Unknown{-1, "it is left out"}) : value_of(name));
    if (name.empty()) continue;
    if (const Unknown* unknown = unknown_of(operands.back())) return put(n, *unknown);
    constant = constant && is_constant(operands.back());
  }
  for (const GraphValue& operand : operands) flow = flow == nullptr ? flow_of(operand) : flow;
  if (constant) {
    if (auto folded = fold(n, operands, graph_.opset())) return put(n, *std::move(folded));
    return refuse(index, "what it makes of constants isn't computed here");
  }
  if (flow == nullptr) {
    if (auto integers = compute_integers(n, operands)) return put(n, *std::move(integers));
    return refuse(index, "what it makes of shapes isn't computed here");
  }
  try {
    translate_flow(index, n, std::move(operands));
  } catch (const Error& error) {
    throw error.within(graph_.describe(index));
  }
}

void Translator::translate_flow(int index, const Node& n, std::vector<GraphValue> operands) {
  const std::string_view op = n.op_type;
  if (!n.domain.empty() && !is_elementwise(n))
    return refuse(index, fmt::format("an operator of domain {}", printable(n.domain)));
  if (op == "Shape") return shape(index, n, operands);
  if (op == "Identity") return put(n, operands[0]);
  if (op == "Dropout") {
    const auto* training = operands.size() > 2 ? std::get_if<ConstantPtr>(&operands[2]) : nullptr;
    const Array* value = training == nullptr ? nullptr : (*training)->array();
    const bool is_known = operands.size() < 3 || unknown_of(operands[2]) != nullptr || value != nullptr;
    if (!is_known ||
        (value != nullptr && std::ranges::any_of(value->values, [](double v) { return v != 0; })))
      return refuse(index, "it is written for training");
    return put(n, operands[0]);
  }
  if (op == "Cast" && is_floating(static_cast<DataType>(n.integer("to", 0)))) return put(n, operands[0]);
  const Flow* x = flow_of(operands[0]);
  const bool first = x != nullptr;
  if (only_changes_shape(n)) {
    if (!first) return refuse(index, "it takes its shape from rows");
    std::string why;
    const auto dims = reshaped(n, operands, space_of(*x), x->dims, fixed_rows_, why);
    if (!dims) return refuse(index, why);
    return put(n, Flow{x->op, *dims});
  }
  if (first) {
    if (op == "Conv") return conv(index, n, operands, *x);
    if (op == "MaxPool" || op == "AveragePool") return pool(index, n, operands, *x);
    if (op == "GlobalAveragePool" || op == "GlobalMaxPool") {
      if (x->dims.size() != 4) return refuse(index, "it goes over other rows than images");
      return global_pool(index, operands, *x, {2, 3}, op == "GlobalMaxPool", true);
    }
    if (op == "ReduceMean" || op == "ReduceMax") {
      if (const auto axes = spatial_axes(n, operands, *x))
        return global_pool(index, operands, *x, *axes, op == "ReduceMax", n.integer("keepdims", 1) != 0);
    }
    if (op == "Gemm" || op == "MatMul") return product(index, n, operands, *x);
    if (op == "Pad") return pad(index, n, operands, *x);
    if (op == "BatchNormalization") return batch_norm(index, n, operands, *x);
    if (op == "LayerNormalization") return layer_norm(index, n, operands, *x);
    if (op == "Softmax" || op == "LogSoftmax") return softmax(index, n, operands, *x);
  }
  if (op == "Concat") return concat(index, n, operands);
  if (is_elementwise(n) || is_reduction(n)) return elementwise(index, n, std::move(operands));
  refuse(index, first || op != "MatMul" ? "nothing here computes it" : "the product of two values of rows");
}

void Translator::same_shape(int index, FlowType type, std::vector<GraphValue> operands, const Flow& x) {
  FlowOp op{.type = type,
            .node = index,
            .operands = std::move(operands),
            .space = graph_.op(x.op).space,
            .dims = x.dims};
  const std::vector<Group> dims = op.dims;
  put(node(index), Flow{add(std::move(op)), dims});
}

void Translator::new_shape(int index, FlowType type, std::vector<GraphValue> operands, Space space,
                           std::vector<Group> dims) {
  FlowOp op{.type = type, .node = index, .operands = std::move(operands), .dims = dims};
  put(node(index), Flow{add(std::move(op), std::move(space)), std::move(dims)});
}

void Translator::shape(int index, const Node& n, const std::vector<GraphValue>& operands) {
  const Flow* x = flow_of(operands[0]);
  if (x == nullptr) return refuse(index, "it takes its shape from rows");
  Integers out;
  for (const Group& group : x->dims) {
    const bool rows = group == Group{rows_atom};
    out.values.push_back({rows ? 1 : size_of(*x, group), rows});
    if (rows && fixed_rows_) out.values.back() = {*fixed_rows_, false};
  }
  const auto rank = static_cast<std::int64_t>(out.values.size());
  const auto bound = [&](std::int64_t at) {
    return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank);
  };
  const std::int64_t first = bound(n.integer("start", 0)),
                     last = std::max(first, bound(n.integer("end", rank)));
  out.values = {out.values.begin() + first, out.values.begin() + last};
  put(n, std::move(out));
}

void Translator::elementwise(int index, const Node&, std::vector<GraphValue> operands) {
  // The largest flow says what the result is.
  const Flow* largest = nullptr;
  std::int64_t most = -1;
  bool mixed = false;
  const auto elements = [&](const Flow& x) {
    std::int64_t all = 1;
    for (const Group& group : x.dims) all *= group == Group{rows_atom} ? 1 : size_of(x, group);
    return all;
  };
  for (const GraphValue& operand : operands) {
    const Flow* x = flow_of(operand);
    if (x == nullptr) continue;
    const std::int64_t count = elements(*x);
    if (count > most) {
      most = count;
      largest = x;
    }
  }
  for (const GraphValue& operand : operands) {
    const Flow* x = flow_of(operand);
    if (x != nullptr && !same_dims(*x, *largest)) mixed = true;
  }
  FlowOp op;
  op.node = index;
  op.space = graph_.op(largest->op).space;
  op.dims = largest->dims;
  op.is_mixed = mixed;
  const std::vector<Group> dims = op.dims;
  op.operands = std::move(operands);
  put(node(index), Flow{add(std::move(op)), dims});
}

bool Translator::same_dims(const Flow& a, const Flow& b) {
  if (a.dims.size() != b.dims.size()) return false;
  Space &in_a = space_of(a), &in_b = space_of(b);
  if (&in_a != &in_b && (in_a.roles.empty() || in_b.roles.empty()) && in_a.sizes == in_b.sizes) {
    if (in_a.roles.empty()) in_a.roles = in_b.roles;
    if (in_b.roles.empty()) in_b.roles = in_a.roles;
  }
  for (std::size_t i = 0; i < a.dims.size(); ++i) {
    const auto parts = [&](const Flow& x, const Space& space) {
      std::vector<std::pair<std::int64_t, int>> out;
      for (const int atom : x.dims[i]) {
        if (atom == rows_atom)
          out.emplace_back(0, -1);
        else if (const auto at = static_cast<std::size_t>(atom); space.sizes[at] != 1)
          out.emplace_back(space.sizes[at], space.roles.empty() ? atom : static_cast<int>(space.roles[at]));
      }
      return out;
    };
    if (parts(a, in_a) != parts(b, in_b)) return false;
  }
  return true;
}

FlowGraph::FlowGraph(const Model& file) : file_(file) { Translator(*this).run(); }

const GraphValue* FlowGraph::find(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? nullptr : &found->second;
}

std::string FlowGraph::describe(int node) const {
  if (node < 0) return "an input";
  return onnx::describe(file_.graph.nodes[static_cast<std::size_t>(node)], static_cast<std::size_t>(node));
}

std::int64_t FlowGraph::size_of(const FlowOp& op, const Group& group) const {
  std::int64_t size = 1;
  for (const int atom : group) {
    if (atom != rows_atom) size *= spaces_[op.space].sizes[static_cast<std::size_t>(atom)];
  }
  return size;
}

std::vector<std::int64_t> FlowGraph::image(const FlowOp& op) const {
  const Space& space = spaces_[op.space];
  std::vector<std::int64_t> out(3, 1);
  if (space.roles.empty()) {  // as the file has them
    std::copy(space.sizes.begin(), space.sizes.end(), out.begin());
    return out;
  }
  for (std::size_t i = 0; i < space.sizes.size(); ++i)
    out[static_cast<std::size_t>(space.roles[i])] *= space.sizes[i];
  return out;
}

bool FlowGraph::is_vector(const FlowOp& op) const { return spaces_[op.space].sizes.size() == 1; }

std::vector<std::int64_t> FlowGraph::places(const FlowOp& op, const Group& group) const {
  const Space& space = spaces_[op.space];
  const auto rank_of = [&](std::size_t atom) {
    return space.roles.empty() ? static_cast<int>(atom) : static_cast<int>(space.roles[atom]);
  };
  // Strides in our order, of the atoms that the group has.
  std::vector<std::size_t> atoms;
  for (const int atom : group) {
    if (atom != rows_atom) atoms.push_back(static_cast<std::size_t>(atom));
  }
  std::vector<std::int64_t> strides(atoms.size());
  for (std::size_t i = 0; i < atoms.size(); ++i) {
    strides[i] = 1;
    for (const std::size_t other : atoms) {
      if (rank_of(other) > rank_of(atoms[i])) strides[i] *= space.sizes[other];
    }
  }
  std::vector<std::int64_t> out(static_cast<std::size_t>(size_of(op, group))), at(atoms.size(), 0);
  std::int64_t place = 0;
  for (std::int64_t& element : out) {
    element = place;
    for (std::size_t d = atoms.size(); d-- > 0;) {
      place += strides[d];
      if (++at[d] < space.sizes[atoms[d]]) break;
      place -= strides[d] * space.sizes[atoms[d]];
      at[d] = 0;
    }
  }
  return out;
}

}  // namespace nn::onnx
