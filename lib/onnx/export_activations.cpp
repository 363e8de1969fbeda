// Activations as ONNX's operators; nn-tools(7) has what they compute.
#include "onnx/export_parts.hpp"

// A new activation that isn't exported doesn't build.
#pragma GCC diagnostic error "-Wswitch"

namespace nn::onnx {
namespace {

// x / 2 (1 + erf(x / √2)), which runtimes know as one. From version 20 on there is an operator.
std::string add_gelu(GraphBuilder& graph, const std::string& name, const std::string& input) {
  if (graph.opset() >= 20) return graph.add(name, "Gelu", {input});
  const std::string root = graph.constant(name + "/root_2", 1.41421356237309505f);
  const std::string one = graph.constant(name + "/one", 1.0f), half = graph.constant(name + "/half", 0.5f);
  const std::string scaled = graph.add(name + "/div", "Div", {input, root});
  const std::string erf = graph.add(name + "/erf", "Erf", {scaled});
  const std::string sum = graph.add(name + "/add", "Add", {erf, one});
  const std::string product = graph.add(name + "/mul", "Mul", {input, sum});
  return graph.add(name, "Mul", {product, half});
}

// x / 2 (1 + tanh(√(2/π) (x + 0.044715 x³)))
std::string add_gelu_tanh(GraphBuilder& graph, const std::string& name, const std::string& input) {
  if (graph.opset() >= 20)
    return graph.add(name, "Gelu", {input}, {attribute("approximate", std::string("tanh"))});
  const auto constant = [&](const char* what, float value) {
    return graph.constant(name + "/" + what, value);
  };
  const std::string cube = graph.add(name + "/pow", "Pow", {input, constant("three", 3.0f)});
  const std::string part = graph.add(name + "/part", "Mul", {cube, constant("cubic", 0.044715f)});
  const std::string sum = graph.add(name + "/sum", "Add", {input, part});
  const std::string inner = graph.add(name + "/inner", "Mul", {sum, constant("root", 0.797884560802865356f)});
  const std::string bent = graph.add(name + "/tanh", "Tanh", {inner});
  const std::string more = graph.add(name + "/add", "Add", {bent, constant("one", 1.0f)});
  const std::string product = graph.add(name + "/mul", "Mul", {input, more});
  return graph.add(name, "Mul", {product, constant("half", 0.5f)});
}

// x f(x), where no operator is that; `factor` is f(x).
std::string times_itself(GraphBuilder& graph, const std::string& name, const std::string& input,
                         const std::string& factor) {
  return graph.add(name, "Mul", {input, factor});
}

std::string add_hard_sigmoid(GraphBuilder& graph, const std::string& name, const std::string& input) {
  return graph.add(name, "HardSigmoid", {input}, {attribute("alpha", 1.0f / 6), attribute("beta", 0.5f)});
}

}  // namespace

std::string add_activation(GraphBuilder& graph, const std::string& layer, const LayerOptions& options,
                           const std::string& input) {
  const auto add = [&](const char* name, const char* op_type, std::vector<Attribute> attributes = {}) {
    return graph.add(layer + "/" + name, op_type, {input}, std::move(attributes));
  };
  const Attribute slope = attribute("alpha", static_cast<float>(slope_of(options)));
  switch (options.activation) {
    case Activation::linear: return input;
    case Activation::relu: return add("relu", "Relu");
    case Activation::leaky_relu: return add("leaky_relu", "LeakyRelu", {slope});
    case Activation::elu: return add("elu", "Elu", {slope});
    case Activation::selu:
      // The defaults of the operator's first version are rounded.
      return add("selu", "Selu",
                 {attribute("alpha", 1.6732632423543772f), attribute("gamma", 1.0507009873554805f)});
    case Activation::gelu: return add_gelu(graph, layer + "/gelu", input);
    case Activation::tanh: return add("tanh", "Tanh");
    case Activation::sigmoid: return add("sigmoid", "Sigmoid");
    case Activation::softplus: return add("softplus", "Softplus");
    case Activation::relu6: {
      const std::string least = graph.constant(layer + "/zero", 0.0f),
                        most = graph.constant(layer + "/six", 6.0f);
      return graph.add(layer + "/relu6", "Clip", {input, least, most});
    }
    case Activation::silu: return times_itself(graph, layer + "/silu", input, add("sigmoid", "Sigmoid"));
    case Activation::hard_sigmoid: return add_hard_sigmoid(graph, layer + "/hard_sigmoid", input);
    case Activation::hard_swish:
      if (graph.opset() >= 14) return add("hard_swish", "HardSwish");
      return times_itself(graph, layer + "/hard_swish", input,
                          add_hard_sigmoid(graph, layer + "/hard_sigmoid", input));
    case Activation::mish: {
      if (graph.opset() >= 18) return add("mish", "Mish");
      const std::string bent = graph.add(layer + "/tanh", "Tanh", {add("softplus", "Softplus")});
      return times_itself(graph, layer + "/mish", input, bent);
    }
    case Activation::softsign: return add("softsign", "Softsign");
    case Activation::gelu_tanh: return add_gelu_tanh(graph, layer + "/gelu_tanh", input);
  }
  return {};
}

}  // namespace nn::onnx
