// The network's operations as ONNX's. Images are nchw there and nhwc here: the constants change their order,
// the values don't, but for one Transpose behind an input that is nhwc.
#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "onnx/export_parts.hpp"

// A new operation that isn't exported doesn't build.
#pragma GCC diagnostic error "-Wswitch"

namespace nn::onnx {
namespace {

class LayerAdder {
 public:
  LayerAdder(GraphBuilder& graph, const Plan& plan, const model::Model& model, const Inputs& inputs)
      : graph_(graph), plan_(plan), model_(model), inputs_(inputs), values_(plan.values.size()) {}

  Value run() {
    const bool embeds = !plan_.ops.empty() && plan_.ops[0].kind == OpKind::embedding;
    values_[0] = inputs_.pieces.empty() ? inputs_.image
                 : embeds               ? Value{}
                                        : join_one_hot(graph_, inputs_.pieces);
    int last = 0;
    for (const Op& op : plan_.ops) {
      Value& value = values_[static_cast<std::size_t>(op.output)];
      value = add(op);
      last = op.output;
    }
    return values_[static_cast<std::size_t>(last)];
  }

 private:
  const std::string& layer_of(const Op& op) const {
    return model_.network.layers[static_cast<std::size_t>(op.layer)].name;
  }

  // A new operation is a line here, and a function.
  Value add(const Op& op) {
    switch (op.kind) {
      case OpKind::dense: return add_dense(op);
      case OpKind::activation: return activated(op, input_of(op, op.input));
      case OpKind::dropout: return input_of(op, op.input);
      case OpKind::conv2d: return add_conv(op);
      case OpKind::max_pool2d: return add_pool(op, "MaxPool");
      case OpKind::average_pool2d: return add_pool(op, "AveragePool");
      case OpKind::batch_norm: return add_batch_norm(op);
      case OpKind::layer_norm: return add_layer_norm(op);
      case OpKind::embedding: return add_embedding(op);
      case OpKind::add: return add_sum(op);
      case OpKind::concat: return add_concat(op);
      case OpKind::count: break;
    }
    fail(ErrorKind::internal, "an operation that there isn't");
  }

  // ---- values

  // As the operation sees it: flat, if its input is.
  Value input_of(const Op& op, int index) {
    Value value = values_[static_cast<std::size_t>(index)];
    return value.image == op.in ? value : flat(op, value);
  }

  Value flat(const Op& op, Value value) {
    if (value.layout == Layout::vector) return value;
    value.name =
        graph_.add(layer_of(op) + "/flatten", "Flatten", {value.name}, {attribute("axis", std::int64_t{1})});
    if (value.layout == Layout::nhwc || value.image.pixels() == 1) value.image = {1, 1, value.image.size()};
    value.layout = Layout::vector;
    return value;
  }

  // Is kept, so that whoever else reads the value finds it in this order.
  Value nchw(const Op& op, int index) {
    Value& value = values_[static_cast<std::size_t>(index)];
    const Image& image = value.image;
    if (value.layout == Layout::nchw) return value;
    const std::string layer = layer_of(op);
    if (value.layout == Layout::nhwc && image.channels > 1) {
      value.name = graph_.add(layer + "/transpose", "Transpose", {value.name},
                              {attribute("perm", std::vector<std::int64_t>{0, 3, 1, 2})});
    } else {
      const std::string shape = graph_.constant(
          layer + "/shape", std::vector<std::int64_t>{-1, image.channels, image.height, image.width});
      value.name = graph_.add(layer + "/reshape", "Reshape", {value.name, shape});
    }
    value.layout = Layout::nchw;
    return value;
  }

  Value activated(const Op& op, Value value) {
    value.name = add_activation(graph_, layer_of(op), op.options, value.name);
    return value;
  }

  // ---- weights

  const Parameter& parameter(const Op& op, std::size_t index) const {
    return plan_.parameters[static_cast<std::size_t>(op.parameters[index])];
  }
  std::span<const float> floats(const Parameter& parameter) const {
    return {model_.parameters.get() + parameter.offset, static_cast<std::size_t>(parameter.size())};
  }

  // As it is, without a copy.
  std::string weights(const Op& op, std::size_t index, std::vector<std::int64_t> dims = {}) {
    const Parameter& p = parameter(op, index);
    if (dims.empty()) dims = p.shape;
    Tensor tensor{p.name, DataType::float32, std::move(dims), std::as_bytes(floats(p)),
                  {},     model_.parameters};
    return graph_.weights(std::move(tensor));
  }

  // Its rows in the order of the value, which may be that of nchw.
  std::string weights_for(const Op& op, std::size_t index, const Value& value) {
    if (!value.in_other_order()) return weights(op, index);
    const Parameter& p = parameter(op, index);
    const std::span<const float> from = floats(p);
    const std::vector<std::int64_t> order = nchw_order(value.image);
    const std::size_t width = from.size() / order.size();
    std::vector<float> to(from.size());
    for (std::size_t i = 0; i < order.size(); ++i)
      std::memcpy(&to[i * width], &from[static_cast<std::size_t>(order[i]) * width], width * sizeof(float));
    return graph_.weights(make_tensor(p.name, p.shape, std::span<const float>(to)));
  }

  // [height, width, in, out] as [out, in, height, width].
  std::string conv_kernel(const Op& op) {
    const Parameter& p = parameter(op, 0);
    const std::span<const float> from = floats(p);
    const auto area = static_cast<std::size_t>(p.shape[0] * p.shape[1]);
    const auto in = static_cast<std::size_t>(p.shape[2]), out = static_cast<std::size_t>(p.shape[3]);
    std::vector<float> to(from.size());
    for (std::size_t o = 0; o < out; ++o) {
      for (std::size_t i = 0; i < in; ++i) {
        for (std::size_t at = 0; at < area; ++at)
          to[(o * in + i) * area + at] = from[(at * in + i) * out + o];
      }
    }
    return graph_.weights(
        make_tensor(p.name, {p.shape[3], p.shape[2], p.shape[0], p.shape[1]}, std::span<const float>(to)));
  }

  // ---- operations

  Value add_dense(const Op& op) {
    const Value in = flat(op, input_of(op, op.input));
    const std::string kernel = weights_for(op, 0, in), bias = weights(op, 1);
    Value out{graph_.add(layer_of(op) + "/gemm", "Gemm", {in.name, kernel, bias}), Layout::vector, op.out};
    return activated(op, std::move(out));
  }

  // Top, left, bottom, right: explicit, since auto_pad is deprecated and several runtimes don't know it.
  static std::vector<std::int64_t> pads_of(const Op& op) {
    const auto behind = [](std::int64_t outputs, std::int64_t stride, std::int64_t kernel,
                           std::int64_t dilation, std::int64_t inputs, std::int64_t before) {
      return std::max<std::int64_t>((outputs - 1) * stride + (kernel - 1) * dilation + 1 - inputs - before,
                                    0);
    };
    const auto& [kernel, strides, top, left, dilation] = op.window;
    return {top, left,
            behind(op.out.height, strides.height, kernel.height, dilation.height, op.in.height, top),
            behind(op.out.width, strides.width, kernel.width, dilation.width, op.in.width, left)};
  }

  static std::vector<Attribute> window_attributes(const Op& op) {
    const Window& window = op.window;
    return {attribute("kernel_shape", std::vector<std::int64_t>{window.kernel.height, window.kernel.width}),
            attribute("strides", std::vector<std::int64_t>{window.strides.height, window.strides.width}),
            attribute("pads", pads_of(op))};
  }

  Value add_conv(const Op& op) {
    const Value in = nchw(op, op.input);
    std::vector<Attribute> attributes = window_attributes(op);
    attributes.push_back(attribute("group", op.options.groups));
    const Size& dilation = op.window.dilation;
    attributes.push_back(attribute("dilations", std::vector<std::int64_t>{dilation.height, dilation.width}));
    const std::string kernel = conv_kernel(op), bias = weights(op, 1);
    Value out{graph_.add(layer_of(op) + "/conv", "Conv", {in.name, kernel, bias}, std::move(attributes)),
              Layout::nchw, op.out};
    return activated(op, std::move(out));
  }

  Value add_pool(const Op& op, const char* op_type) {
    const Value in = nchw(op, op.input);
    const Window& window = op.window;
    const bool whole = window.kernel == Size{op.in.height, op.in.width} && op.out.pixels() == 1 &&
                       window.top == 0 && window.left == 0;
    const std::string name = layer_of(op) + "/pool";
    if (whole) {
      return {graph_.add(name, std::string("Global") + op_type, {in.name}), Layout::nchw, op.out};
    }
    return {graph_.add(name, op_type, {in.name}, window_attributes(op)), Layout::nchw, op.out};
  }

  // An image is nchw, since norms look at its channels.
  Value norm_input(const Op& op) {
    const Value value = input_of(op, op.input);
    return value.layout == Layout::nhwc ? nchw(op, op.input) : value;
  }

  Value add_batch_norm(const Op& op) {
    Value value = norm_input(op);
    std::vector<std::string> inputs{value.name};
    for (std::size_t i = 0; i < 4; ++i)
      inputs.push_back(value.layout == Layout::vector ? weights_for(op, i, value) : weights(op, i));
    value.name = graph_.add(layer_of(op) + "/batch_norm", "BatchNormalization", std::move(inputs),
                            {attribute("epsilon", static_cast<float>(op.options.epsilon))});
    return value;
  }

  // The mean over the channels, which stay as a dimension of 1.
  std::string mean(const std::string& name, const std::string& value, std::int64_t axis) {
    const std::vector<std::int64_t> axes{axis};
    if (graph_.opset() < 18) return graph_.add(name, "ReduceMean", {value}, {attribute("axes", axes)});
    return graph_.add(name, "ReduceMean", {value, graph_.constant(name + "/axes", axes)});
  }

  // LayerNormalization only looks at the last dimensions, which in images are not the channels.
  Value add_layer_norm(const Op& op) {
    Value value = norm_input(op);
    const std::string name = layer_of(op) + "/layer_norm";
    const auto epsilon = static_cast<float>(op.options.epsilon);
    const bool vector = value.layout == Layout::vector;
    const std::vector<std::int64_t> dims =
        vector ? std::vector<std::int64_t>{} : std::vector<std::int64_t>{op.in.channels, 1, 1};
    const std::string gamma = vector ? weights_for(op, 0, value) : weights(op, 0, dims);
    const std::string beta = vector ? weights_for(op, 1, value) : weights(op, 1, dims);
    if (vector && graph_.opset() >= 17) {
      value.name = graph_.add(name, "LayerNormalization", {value.name, gamma, beta},
                              {attribute("axis", std::int64_t{-1}), attribute("epsilon", epsilon)});
      return value;
    }
    // Runtimes know this form, with Pow and not with Mul, as the one operator.
    const std::string center = mean(name + "/mean", value.name, 1);
    const std::string away = graph_.add(name + "/sub", "Sub", {value.name, center});
    const std::string square = graph_.add(name + "/pow", "Pow", {away, graph_.constant(name + "/two", 2.0f)});
    const std::string variance = mean(name + "/variance", square, 1);
    const std::string sum =
        graph_.add(name + "/add", "Add", {variance, graph_.constant(name + "/epsilon", epsilon)});
    const std::string deviation = graph_.add(name + "/sqrt", "Sqrt", {sum});
    const std::string scaled = graph_.add(name + "/div", "Div", {away, deviation});
    const std::string product = graph_.add(name + "/mul", "Mul", {scaled, gamma});
    value.name = graph_.add(name, "Add", {product, beta});
    return value;
  }

  // Each category's row of the table, and for an unknown one a row of zeros behind the last.
  Value add_embedding(const Op& op) {
    const std::string layer = layer_of(op);
    const Parameter& table = parameter(op, 0);
    const std::int64_t units = table.shape[1];
    const float* rows = floats(table).data();
    const auto columns = std::count_if(inputs_.pieces.begin(), inputs_.pieces.end(),
                                       [](const Piece& piece) { return piece.category; });
    std::vector<std::string> parts;
    for (const Piece& piece : inputs_.pieces) {
      if (!piece.category) {
        parts.push_back(piece.name);
        continue;
      }
      std::vector<float> own(static_cast<std::size_t>((piece.width + 1) * units));
      std::copy_n(rows, piece.width * units, own.begin());
      rows += piece.width * units;
      const std::string name = columns > 1 ? table.name + "/" + piece.column : table.name;
      const std::string weights =
          graph_.weights(make_tensor(name, {piece.width + 1, units}, std::span<const float>(own)));
      const std::string path = layer + "/" + piece.column;
      parts.push_back(graph_.add(path + "/gather", "Gather", {weights, index_of(path, piece)},
                                 {attribute("axis", std::int64_t{0})}));
    }
    std::string name = parts[0];
    if (parts.size() > 1)
      name = graph_.add(layer + "/concat", "Concat", std::move(parts), {attribute("axis", std::int64_t{1})});
    return {std::move(name), Layout::vector, op.out};
  }

  // Of the table's row, [batch]. Any number that is none of the categories' is that of the last row.
  std::string index_of(const std::string& path, const Piece& piece) {
    const std::string unknown = graph_.constant(path + "/unknown", std::vector<std::int64_t>{piece.width});
    const std::string zero = graph_.constant(path + "/zero", std::vector<std::int64_t>{0});
    const std::string shape = graph_.constant(path + "/shape", std::vector<std::int64_t>{-1});
    const std::string row = graph_.add(path + "/reshape", "Reshape", {piece.name, shape});
    const std::string negative = graph_.add(path + "/less", "Less", {row, zero});
    const std::string known = graph_.add(path + "/where", "Where", {negative, unknown, row});
    return graph_.add(path + "/min", "Min", {known, unknown});
  }

  Value add_sum(const Op& op) {
    Value a = input_of(op, op.input), b = input_of(op, op.others[0]);
    if (a.layout == Layout::vector || b.layout == Layout::vector) {
      a = flat(op, a);
      b = flat(op, b);
      if (a.in_other_order() != b.in_other_order() || (a.in_other_order() && a.image != b.image)) {
        a = {as_vector(graph_, layer_of(op), a), Layout::vector, op.out};
        b = {as_vector(graph_, layer_of(op), b), Layout::vector, op.out};
      }
    } else if (a.layout != b.layout) {
      a = nchw(op, op.input);
      b = nchw(op, op.others[0]);
    }
    a.name = graph_.add(layer_of(op), "Add", {a.name, b.name});
    return a;
  }

  // Channels beside each other, or vectors in the network's order, which flattened images are as well.
  Value add_concat(const Op& op) {
    std::vector<int> indices{op.input};
    indices.insert(indices.end(), op.others.begin(), op.others.end());
    const bool vectors = std::any_of(indices.begin(), indices.end(), [&](int index) {
      const Value& value = values_[static_cast<std::size_t>(index)];
      return value.layout == Layout::vector || value.image.height != op.out.height ||
             value.image.width != op.out.width;
    });
    std::vector<std::string> parts;
    for (const int index : indices) {
      parts.push_back(vectors ? as_vector(graph_, layer_of(op), values_[static_cast<std::size_t>(index)])
                              : nchw(op, index).name);
    }
    std::string name =
        graph_.add(layer_of(op), "Concat", std::move(parts), {attribute("axis", std::int64_t{1})});
    return {std::move(name), vectors ? Layout::vector : Layout::nchw, op.out};
  }

  GraphBuilder& graph_;
  const Plan& plan_;
  const model::Model& model_;
  const Inputs& inputs_;
  std::vector<Value> values_;
};

}  // namespace

std::string as_vector(GraphBuilder& graph, const std::string& layer, const Value& value) {
  std::string name = value.name;
  if (value.layout != Layout::vector)
    name = graph.add(layer + "/flatten", "Flatten", {name}, {attribute("axis", std::int64_t{1})});
  const bool reorder =
      value.layout == Layout::nhwc ? false : value.image.pixels() > 1 && value.image.channels > 1;
  if (!reorder) return name;
  const std::vector<std::int64_t> order = nchw_order(value.image);
  std::vector<std::int64_t> places(order.size());
  for (std::size_t i = 0; i < order.size(); ++i)
    places[static_cast<std::size_t>(order[i])] = static_cast<std::int64_t>(i);
  const std::string indices = graph.constant(layer + "/order", places);
  return graph.add(layer + "/gather", "Gather", {name, indices}, {attribute("axis", std::int64_t{1})});
}

Value add_layers(GraphBuilder& graph, const Plan& plan, const model::Model& model, const Inputs& inputs) {
  return LayerAdder(graph, plan, model, inputs).run();
}

}  // namespace nn::onnx
