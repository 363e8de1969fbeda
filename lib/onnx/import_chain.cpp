// From operations to layers: a chain is found from its end to its beginning, by what all ways to a value
// share.
#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "base/text.hpp"
#include "onnx/import_layers.hpp"
#include "onnx/import_recognise.hpp"
#include "onnx/import_shapes.hpp"
#include "tensor/batch.hpp"  // to_string() of a shape

namespace nn::onnx {
namespace {

using Kind = ImportLayer::Kind;
constexpr int deepest = 32;                // blocks in each other
constexpr std::size_t most_layers = 1000;  // as networks have
constexpr int farthest = 8;                // dominators that elementwise nodes may lie behind

const Flow& flow_at(const FlowOp& op, std::size_t index) { return std::get<Flow>(op.operands[index]); }
const Constant* constant_at(const FlowOp& op, std::size_t index) {
  return index < op.operands.size() ? constant_of(op.operands[index]) : nullptr;
}

class Chains {
 public:
  explicit Chains(const FlowGraph& graph) : graph_(graph) {}

  ImportChain between(int from, int to, int depth = 0) {
    if (depth > deepest) fail(ErrorKind::unsupported, "blocks are nested more than {} deep", deepest);
    ImportChain reversed;
    while (to != from) {
      if (to < from || to < 0)
        fail(ErrorKind::unsupported, "two inputs meet where nothing here puts them together");
      to = step(reversed, from, to, depth);
      if (++steps_ > most_layers) fail(ErrorKind::unsupported, "more than {} layers", most_layers);
    }
    std::reverse(reversed.begin(), reversed.end());
    return reversed;
  }

 private:
  [[noreturn]] void refuse(const FlowOp& op, std::string_view why, std::string_view advice = {}) const {
    Error error(ErrorKind::unsupported, fmt::format("{}: {}", graph_.describe(op.node), why));
    throw advice.empty() ? error : error.advise("; {}", advice);
  }

  // Adds the layers that end in `to`, last first, and says where they begin.
  int step(ImportChain& out, int from, int to, int depth) {
    const FlowOp& op = graph_.op(to);
    switch (op.type) {
      case FlowType::dense: return add(out, dense(op), flow_at(op, 0).op);
      case FlowType::conv: return windowed(out, conv(op), op, from);
      case FlowType::max_pool:
      case FlowType::average_pool: return windowed(out, pool(op), op, from);
      case FlowType::global_average_pool:
        return add(out, plain(op, Kind::global_average_pool2d), flow_at(op, 0).op);
      case FlowType::global_max_pool: return add(out, plain(op, Kind::global_max_pool2d), flow_at(op, 0).op);
      case FlowType::batch_norm: return norm(out, batch_norm(op), op);
      case FlowType::layer_norm: return norm(out, layer_norm(op), op);
      case FlowType::concat: return block(out, op, from, Kind::concat, depth);
      case FlowType::elementwise: return elementwise(out, op, from, to, depth);
      case FlowType::pad: refuse(op, "padding that no convolution follows");
      case FlowType::softmax:
      case FlowType::log_softmax: refuse(op, "probabilities in the middle of a network");
      case FlowType::input: break;
    }
    fail(ErrorKind::internal, "an input behind an operation");
  }

  int add(ImportChain& out, ImportLayer layer, int next) {
    out.push_back(std::move(layer));
    return next;
  }

  int norm(ImportChain& out, ImportLayer layer, const FlowOp& op) {
    const Flow& x = flow_at(op, 0);
    out.push_back(std::move(layer));
    add_flatten(out, op.node, x.op, x.dims.size());
    return x.op;
  }

  // Norms go over channels: where the file has made a vector of an image, one goes over that.
  void add_flatten(ImportChain& out, int node, int input, std::size_t rank) const {
    if (rank != 2 || graph_.is_vector(graph_.op(input))) return;
    out.emplace_back().kind = Kind::flatten;
    out.back().node = node;
  }

  ImportLayer plain(const FlowOp& op, Kind kind) const {
    ImportLayer layer;
    layer.kind = kind;
    layer.node = op.node;
    return layer;
  }

  ImportLayer dense(const FlowOp& op) const {
    const Node& node = graph_.node(op);
    const Flow& x = flow_at(op, 0);
    ImportLayer layer = plain(op, Kind::dense);
    layer.kernel.constant = std::get<ConstantPtr>(op.operands[1]);
    const bool gemm = node.op_type == "Gemm";
    layer.kernel.outputs_first = gemm && node.integer("transB", 0) != 0;
    layer.kernel.factor = gemm ? static_cast<double>(node.real("alpha", 1)) : 1;
    layer.kernel.places = graph_.places(graph_.op(x.op), x.dims[1]);
    layer.units = graph_.space(op).sizes[0];
    if (const Constant* constant = constant_at(op, 2))
      layer.bias = vector_of(op, *constant, layer.units, static_cast<double>(node.real("beta", 1)));
    return layer;
  }

  // A constant that is broadcast along rows.
  std::vector<double> vector_of(const FlowOp& op, const Constant& constant, std::int64_t width,
                                double factor) const {
    const Array* array = constant.array();
    const auto count = array == nullptr ? -1 : static_cast<std::int64_t>(array->values.size());
    const std::vector<std::int64_t>& dims = constant.tensor.dims;
    if (count != 1 && (count != width || dims.empty() || dims.back() != width))
      refuse(op, fmt::format("a constant of shape {} isn't the same for all rows", to_string(dims)));
    std::vector<double> out(static_cast<std::size_t>(width));
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = factor * array->values[count == 1 ? 0 : i];
    return out;
  }

  void read_window(const FlowOp& op, ImportLayer& layer, bool is_max) const {
    const Node& node = graph_.node(op);
    const FlowOp& input = graph_.op(flow_at(op, 0).op);
    const std::vector<std::int64_t> in = graph_.image(input), result = graph_.image(op);
    const auto list = [&](const char* name, std::size_t size, std::int64_t absent) {
      std::vector<std::int64_t> values = node.integers(name);
      if (values.empty()) values.assign(size, absent);
      return values;
    };
    const auto strides = list("strides", 2, 1), dilations = list("dilations", 2, 1),
               pads = list("pads", 4, 0);
    const std::string automatic = node.text("auto_pad", "NOTSET");
    bool padded = false;
    layer.same = true;
    for (std::size_t i = 0; i < 2; ++i) {
      layer.strides[i] = strides[i];
      layer.dilations[i] = dilations[i];
      const std::int64_t extent = (layer.window[i] - 1) * dilations[i] + 1;
      const std::int64_t needed = std::max<std::int64_t>((result[i] - 1) * strides[i] + extent - in[i], 0);
      if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
        layer.before[i] = automatic == "SAME_UPPER" ? needed / 2 : needed - needed / 2;
        layer.after[i] = needed - layer.before[i];
      } else if (automatic != "VALID") {
        layer.before[i] = pads[i];
        // What the last window sees is padded, where sizes are rounded up.
        layer.after[i] = std::max((result[i] - 1) * strides[i] + extent - in[i] - pads[i], pads[i + 2]);
      }
      // `same` has the larger half behind.
      const std::int64_t outputs = (in[i] + strides[i] - 1) / strides[i];
      const std::int64_t usual = std::max<std::int64_t>((outputs - 1) * strides[i] + extent - in[i], 0);
      layer.same = layer.same && result[i] == outputs && layer.before[i] == usual / 2 &&
                   layer.after[i] == usual - usual / 2;
      padded = padded || layer.before[i] > 0 || layer.after[i] > 0;
    }
    layer.same = layer.same && padded;
    if (is_max || layer.kind == Kind::conv2d || !padded) return;
    if (node.integer("count_include_pad", 0) != 0)
      refuse(op, "it counts the zeros of its padding, and pools here count what lies inside the image",
             "a pool with count_include_pad=False would do");
  }

  ImportLayer conv(const FlowOp& op) const {
    const Node& node = graph_.node(op);
    ImportLayer layer = plain(op, Kind::conv2d);
    layer.kernel.constant = std::get<ConstantPtr>(op.operands[1]);
    layer.kernel.outputs_first = true;
    const std::vector<std::int64_t>& dims = layer.kernel.constant->tensor.dims;
    layer.units = dims[0];
    layer.window[0] = dims[2];
    layer.window[1] = dims[3];
    layer.groups = node.integer("group", 1);
    if (const Constant* constant = constant_at(op, 2)) layer.bias = vector_of(op, *constant, layer.units, 1);
    read_window(op, layer, false);
    return layer;
  }

  ImportLayer pool(const FlowOp& op) const {
    const bool is_max = op.type == FlowType::max_pool;
    ImportLayer layer = plain(op, is_max ? Kind::max_pool2d : Kind::average_pool2d);
    const std::vector<std::int64_t> kernel = graph_.node(op).integers("kernel_shape");
    layer.window[0] = kernel[0];
    layer.window[1] = kernel[1];
    read_window(op, layer, is_max);
    return layer;
  }

  // A Pad in front belongs to a convolution.
  int windowed(ImportChain& out, ImportLayer layer, const FlowOp& op, int from) {
    int input = flow_at(op, 0).op;
    while (input != from && graph_.op(input).type == FlowType::pad) {
      const FlowOp& pad = graph_.op(input);
      if (layer.kind != Kind::conv2d)
        refuse(pad, "zeros in front of a pool, which pools here don't see",
               "padding of the pool itself would do");
      std::vector<std::int64_t> pads = graph_.node(pad).integers("pads");
      if (pads.empty()) {
        const std::optional<Integers> given = integers_of_value(pad.operands[1]);
        for (const Extent& extent : given->values) pads.push_back(extent.number);
      }
      for (std::size_t i = 0; i < 2; ++i) {
        layer.before[i] += pads[2 + i];
        layer.after[i] += pads[6 + i];
      }
      layer.same = false;
      input = flow_at(pad, 0).op;
    }
    // A convolution of one pixel is a dense layer.
    if (layer.kind == Kind::conv2d && graph_.is_vector(graph_.op(input))) {
      if (layer.groups != 1 || layer.window[0] != 1 || layer.window[1] != 1 ||
          layer.before[0] + layer.after[0] + layer.before[1] + layer.after[1] > 0)
        refuse(op, "a window over a single pixel");
      layer.kind = Kind::dense;
      layer.kernel.places = graph_.places(graph_.op(input), {0});
    }
    return add(out, std::move(layer), input);
  }

  ImportLayer batch_norm(const FlowOp& op) const {
    ImportLayer layer = plain(op, Kind::batch_norm);
    const Flow& x = flow_at(op, 0);
    const std::vector<std::int64_t> places = graph_.places(graph_.op(x.op), x.dims[1]);
    layer.channels = static_cast<std::int64_t>(places.size());
    std::vector<double>* const vectors[] = {&layer.gamma, &layer.beta, &layer.mean, &layer.variance};
    for (std::size_t i = 0; i < 4; ++i) {
      const std::vector<double> values = vector_of(op, *constant_at(op, i + 1), layer.channels, 1);
      vectors[i]->resize(values.size());
      for (std::size_t k = 0; k < values.size(); ++k)
        (*vectors[i])[static_cast<std::size_t>(places[k])] = values[k];
    }
    layer.epsilon = graph_.node(op).real("epsilon", 1e-5f);
    for (const double variance : layer.variance) {
      if (!(variance + layer.epsilon > 0))
        throw data_error("a variance of {}", variance).within(graph_.describe(op.node));
    }
    return layer;
  }

  ImportLayer layer_norm(const FlowOp& op) const {
    ImportLayer layer = plain(op, Kind::layer_norm);
    const Flow& x = flow_at(op, 0);
    const std::vector<std::int64_t> places = graph_.places(graph_.op(x.op), x.dims.back());
    layer.channels = static_cast<std::int64_t>(places.size());
    const auto ordered = [&](std::size_t index, double absent) {
      std::vector<double> out(places.size(), absent);
      if (const Constant* constant = constant_at(op, index)) {
        const std::vector<double> values = vector_of(op, *constant, layer.channels, 1);
        for (std::size_t k = 0; k < values.size(); ++k) out[static_cast<std::size_t>(places[k])] = values[k];
      }
      return out;
    };
    layer.gamma = ordered(1, 1);
    layer.beta = ordered(2, 0);
    layer.epsilon = graph_.node(op).real("epsilon", 1e-5f);
    return layer;
  }

  // What an elementwise node and those before it are together, or the sum of two ways.
  int elementwise(ImportChain& out, const FlowOp& op, int from, int to, int depth) {
    // The nearest value that it is a function of; a factor at the end of a longer function belongs to that.
    std::optional<Known> known;
    int start = -1, at = op.dominator;
    for (int i = 0; i < farthest && at >= from; ++i, at = graph_.op(at).dominator) {
      std::optional<Known> candidate = recognise(graph_, at, to);
      if (!candidate) continue;
      const bool affine = std::holds_alternative<KnownAffine>(*candidate);
      if (affine && known) continue;
      known = std::move(candidate);
      start = at;
      if (!affine) break;
    }
    if (known) {
      ImportLayer layer = plain(op, Kind::activation);
      if (const auto* activation = std::get_if<KnownActivation>(&*known)) {
        layer.activation = activation->name;
        if (activation->slope) layer.activation += fmt::format(" {}", static_cast<float>(*activation->slope));
      } else if (const auto* affine = std::get_if<KnownAffine>(&*known)) {
        layer.kind = Kind::affine;
        layer.scale = affine->scale;
        layer.shift = affine->shift;
        layer.channels = graph_.is_vector(graph_.op(start)) || op.dims.size() == 2
                             ? product_of(graph_.image(graph_.op(start)))
                             : graph_.image(graph_.op(start))[2];
      } else {
        const auto& norm = std::get<KnownNorm>(*known);
        layer.kind = Kind::layer_norm;
        layer.gamma = norm.gamma;
        layer.beta = norm.beta;
        layer.epsilon = norm.epsilon;
        layer.channels = static_cast<std::int64_t>(norm.gamma.size());
      }
      const bool is_norm = layer.kind != Kind::activation;
      out.push_back(std::move(layer));
      if (is_norm) add_flatten(out, op.node, start, op.dims.size());
      return start;
    }
    const std::string& type = graph_.node(op).op_type;
    const auto flows = std::count_if(op.operands.begin(), op.operands.end(), [](const GraphValue& value) {
      return std::holds_alternative<Flow>(value);
    });
    if (op.is_mixed) refuse(op, "values of rows of different shapes");
    if ((type == "Add" || type == "Sum") && flows >= 2) return block(out, op, from, Kind::residual, depth);
    if (flows >= 2) refuse(op, "two values of rows, which nothing here puts together");
    refuse(op, "nothing here computes it");
  }

  static std::int64_t product_of(const std::vector<std::int64_t>& sizes) {
    std::int64_t out = 1;
    for (const std::int64_t size : sizes) out *= size;
    return out;
  }

  // Several ways from one value to this one.
  int block(ImportChain& out, const FlowOp& op, int from, Kind kind, int depth) {
    const int start = op.dominator;
    if (start < from || start < 0) refuse(op, "it puts two inputs together");
    ImportLayer layer = plain(op, kind);
    for (const GraphValue& operand : op.operands) {
      const auto* flow = std::get_if<Flow>(&operand);
      if (flow == nullptr) refuse(op, "it puts constants beside rows");
      layer.branches.push_back(between(start, flow->op, depth + 1));
      for (const ImportLayer& inner : layer.branches.back()) {
        if (!inner.kernel.constant && inner.gamma.empty()) continue;
        if (!used_.insert(inner.node).second)
          refuse(graph_.op(node_op(inner.node)), "two ways that don't come together behind it use its result",
                 "layers that share their weights can't be trained here");
      }
    }
    if (kind == Kind::residual) {
      // The longest is the main way; several make a block each.
      std::stable_sort(layer.branches.begin(), layer.branches.end(),
                       [](const ImportChain& a, const ImportChain& b) { return a.size() > b.size(); });
      while (layer.branches.size() > 2) {
        ImportLayer inner = plain(op, kind);
        inner.branches = {std::move(layer.branches[0]), std::move(layer.branches[1])};
        layer.branches.erase(layer.branches.begin());
        layer.branches[0] = {std::move(inner)};
      }
    }
    return add(out, std::move(layer), start);
  }

  int node_op(int node) const {
    for (std::size_t i = 0; i < graph_.ops().size(); ++i) {
      if (graph_.ops()[i].node == node) return static_cast<int>(i);
    }
    return 0;
  }

  const FlowGraph& graph_;
  std::set<int> used_;  // nodes with weights that are in some branch
  std::size_t steps_ = 0;
};

}  // namespace

ImportChain chain_between(const FlowGraph& graph, int from, int to) {
  return Chains(graph).between(from, to);
}

}  // namespace nn::onnx
