#include "onnx/import_arrays.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <string_view>

namespace nn::onnx {
namespace {

using Dims = std::vector<std::int64_t>;
using Inputs = std::span<const Array* const>;
constexpr double infinity = std::numeric_limits<double>::infinity();

// Nothing where it is more than may be.
std::optional<std::int64_t> size_of(const Dims& dims) {
  std::int64_t size = 1;
  for (const std::int64_t dim : dims) {
    if (dim < 0 || dim > most_elements) return std::nullopt;
    size *= dim;
    if (size > most_elements) return std::nullopt;
  }
  return size;
}

std::optional<Dims> broadcast(const Dims& a, const Dims& b) {
  Dims out(std::max(a.size(), b.size()));
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1, y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1) return std::nullopt;
    out[out.size() - 1 - i] = x == 1 ? y : x;
  }
  return out;
}

// For each element of `out` the one of an array that is broadcast to it.
std::vector<std::int64_t> indices_in(const Dims& dims, const Dims& out, std::int64_t count) {
  std::vector<std::int64_t> strides(out.size(), 0), at(out.size(), 0),
      indices(static_cast<std::size_t>(count));
  std::int64_t stride = 1;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const std::int64_t dim = dims[dims.size() - 1 - i];
    strides[out.size() - 1 - i] = dim == 1 ? 0 : stride;
    stride *= dim;
  }
  std::int64_t index = 0;
  for (std::int64_t& element : indices) {
    element = index;
    for (std::size_t d = out.size(); d-- > 0;) {
      index += strides[d];
      if (++at[d] < out[d]) break;
      index -= strides[d] * out[d];
      at[d] = 0;
    }
  }
  return indices;
}

template <typename Function>
std::optional<Array> each(const Array& x, Function&& function) {
  Array out{x.dims, std::vector<double>(x.values.size())};
  std::transform(x.values.begin(), x.values.end(), out.values.begin(), function);
  return out;
}

template <typename Function>
std::optional<Array> pairs(const Array& a, const Array& b, Function&& function) {
  const std::optional<Dims> dims = broadcast(a.dims, b.dims);
  const std::optional<std::int64_t> count = dims ? size_of(*dims) : std::nullopt;
  if (!count) return std::nullopt;
  const auto in_a = indices_in(a.dims, *dims, *count), in_b = indices_in(b.dims, *dims, *count);
  Array out{*dims, std::vector<double>(static_cast<std::size_t>(*count))};
  for (std::size_t i = 0; i < out.values.size(); ++i)
    out.values[i] =
        function(a.values[static_cast<std::size_t>(in_a[i])], b.values[static_cast<std::size_t>(in_b[i])]);
  return out;
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double softplus(double x) { return x > 30 ? x + std::exp(-x) : std::log1p(std::exp(x)); }
double relu(double x) { return std::max(x, 0.0); }
double gelu(double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); }
double gelu_tanh(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
}
double hard_sigmoid(double x, double alpha, double beta) { return std::clamp(alpha * x + beta, 0.0, 1.0); }

using Unary = double (*)(double);
const std::map<std::string_view, Unary>& unaries() {
  static const std::map<std::string_view, Unary> table{
      {"Identity", [](double x) { return x; }},
      {"Dropout", [](double x) { return x; }},
      {"Neg", [](double x) { return -x; }},
      {"Abs", [](double x) { return std::abs(x); }},
      {"Sqrt", [](double x) { return std::sqrt(x); }},
      {"Reciprocal", [](double x) { return 1 / x; }},
      {"Exp", [](double x) { return std::exp(x); }},
      {"Log", [](double x) { return std::log(x); }},
      {"Erf", [](double x) { return std::erf(x); }},
      {"Erfc", [](double x) { return std::erfc(x); }},
      {"Tanh", [](double x) { return std::tanh(x); }},
      {"Sign", [](double x) { return static_cast<double>((x > 0) - (x < 0)); }},
      {"Not", [](double x) { return static_cast<double>(x == 0); }},
      {"IsNaN", [](double x) { return static_cast<double>(std::isnan(x)); }},
      {"Sigmoid", sigmoid},
      {"Softplus", softplus},
      {"Softsign", [](double x) { return x / (1 + std::abs(x)); }},
      {"Relu", relu},
      {"Mish", [](double x) { return x * std::tanh(softplus(x)); }},
      {"HardSwish", [](double x) { return x * hard_sigmoid(x, 1.0 / 6, 0.5); }},
  };
  return table;
}

using Binary = double (*)(double, double);
const std::map<std::string_view, Binary>& binaries() {
  static const std::map<std::string_view, Binary> table{
      {"Add", [](double a, double b) { return a + b; }},
      {"Sub", [](double a, double b) { return a - b; }},
      {"Mul", [](double a, double b) { return a * b; }},
      {"Div", [](double a, double b) { return a / b; }},
      {"Pow", [](double a, double b) { return std::pow(a, b); }},
      {"PRelu", [](double x, double slope) { return x < 0 ? slope * x : x; }},
      {"Greater", [](double a, double b) { return static_cast<double>(a > b); }},
      {"GreaterOrEqual", [](double a, double b) { return static_cast<double>(a >= b); }},
      {"Less", [](double a, double b) { return static_cast<double>(a < b); }},
      {"LessOrEqual", [](double a, double b) { return static_cast<double>(a <= b); }},
      {"Equal", [](double a, double b) { return static_cast<double>(a == b); }},
      {"And", [](double a, double b) { return static_cast<double>(a != 0 && b != 0); }},
      {"Or", [](double a, double b) { return static_cast<double>(a != 0 || b != 0); }},
  };
  return table;
}

// Operators of any number of inputs.
const std::map<std::string_view, Binary>& variadics() {
  static const std::map<std::string_view, Binary> table{
      {"Sum", [](double a, double b) { return a + b; }},
      {"Min", [](double a, double b) { return std::min(a, b); }},
      {"Max", [](double a, double b) { return std::max(a, b); }},
  };
  return table;
}

// Of one input, with attributes.
std::function<double(double)> shaped(const Node& node) {
  const std::string_view op = node.op_type;
  const auto attribute = [&](const char* name, float absent) {
    return static_cast<double>(node.real(name, absent));
  };
  if (op == "LeakyRelu") return [a = attribute("alpha", 0.01f)](double x) { return x < 0 ? a * x : x; };
  if (op == "ThresholdedRelu") return [a = attribute("alpha", 1)](double x) { return x > a ? x : 0; };
  if (op == "Elu") return [a = attribute("alpha", 1)](double x) { return x < 0 ? a * std::expm1(x) : x; };
  if (op == "Celu")
    return [a = attribute("alpha", 1)](double x) { return x < 0 ? a * std::expm1(x / a) : x; };
  if (op == "Selu") {
    return [a = attribute("alpha", 1.67326319217681884765625f),
            g = attribute("gamma", 1.05070102214813232421875f)](double x) {
      return g * (x < 0 ? a * std::expm1(x) : x);
    };
  }
  if (op == "HardSigmoid") {
    return [a = attribute("alpha", 0.2f), b = attribute("beta", 0.5f)](double x) {
      return hard_sigmoid(x, a, b);
    };
  }
  if (op == "Swish") return [a = attribute("alpha", 1)](double x) { return x * sigmoid(a * x); };
  if (op == "Gelu") return node.text("approximate", "none") == "tanh" ? gelu_tanh : gelu;
  return nullptr;
}

constexpr std::string_view shaped_names[] = {"LeakyRelu", "ThresholdedRelu", "Elu",   "Celu",
                                             "Selu",      "HardSigmoid",     "Swish", "Gelu"};
constexpr std::string_view reductions[] = {"ReduceMean", "ReduceSum", "ReduceMax", "ReduceSumSquare"};

// Bounds are inputs, and were attributes before opset 11.
std::optional<Array> clip(const Node& node, Inputs inputs, std::int64_t opset) {
  double low = -infinity, high = infinity;
  if (opset < 11) {
    if (node.find("min") != nullptr) low = static_cast<double>(node.real("min", 0));
    if (node.find("max") != nullptr) high = static_cast<double>(node.real("max", 0));
  } else {
    const auto bound = [&](std::size_t index, double& out) {
      if (index >= inputs.size() || inputs[index] == nullptr) return true;
      if (inputs[index]->values.size() != 1) return false;
      out = inputs[index]->values[0];
      return true;
    };
    if (!bound(1, low) || !bound(2, high)) return std::nullopt;
  }
  return each(*inputs[0], [&](double x) { return std::min(std::max(x, low), high); });
}

std::optional<Array> cast(const Node& node, const Array& x) {
  const auto to = static_cast<DataType>(node.integer("to", 0));
  if (is_floating(to)) return x;  // of half precision nothing is left: the caller refuses that
  if (to == DataType::boolean) return each(x, [](double value) { return static_cast<double>(value != 0); });
  if (!is_integer(to)) return std::nullopt;
  return each(x, [](double value) { return std::trunc(value); });
}

std::optional<Array> where(const Array& condition, const Array& a, const Array& b) {
  // Twice a pair: a where it holds, NaN else, then b in its place.
  const auto chosen = broadcast(a.dims, b.dims);
  if (!chosen) return std::nullopt;
  const auto dims = broadcast(condition.dims, *chosen);
  const auto count = dims ? size_of(*dims) : std::nullopt;
  if (!count) return std::nullopt;
  const auto in_c = indices_in(condition.dims, *dims, *count), in_a = indices_in(a.dims, *dims, *count),
             in_b = indices_in(b.dims, *dims, *count);
  Array out{*dims, std::vector<double>(static_cast<std::size_t>(*count))};
  for (std::size_t i = 0; i < out.values.size(); ++i) {
    const bool holds = condition.values[static_cast<std::size_t>(in_c[i])] != 0;
    out.values[i] =
        holds ? a.values[static_cast<std::size_t>(in_a[i])] : b.values[static_cast<std::size_t>(in_b[i])];
  }
  return out;
}

std::optional<Array> reduce(const Node& node, Inputs inputs) {
  const Array& x = *inputs[0];
  const auto rank = static_cast<std::int64_t>(x.dims.size());
  Dims axes = node.integers("axes");
  if (inputs.size() > 1 && inputs[1] != nullptr) {
    for (const double axis : inputs[1]->values) axes.push_back(static_cast<std::int64_t>(axis));
  }
  if (axes.empty()) {
    if (node.integer("noop_with_empty_axes", 0) != 0) return x;
    axes.resize(x.dims.size());
    std::iota(axes.begin(), axes.end(), 0);
  }
  std::vector<bool> is_reduced(x.dims.size(), false);
  for (std::int64_t axis : axes) {
    if (axis < 0) axis += rank;
    if (axis < 0 || axis >= rank) return std::nullopt;
    is_reduced[static_cast<std::size_t>(axis)] = true;
  }
  Dims kept = x.dims, squeezed;
  double count = 1;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (is_reduced[i]) {
      count *= static_cast<double>(kept[i]);
      kept[i] = 1;
    } else {
      squeezed.push_back(kept[i]);
    }
  }
  const std::optional<std::int64_t> size = size_of(kept);
  if (!size || count == 0) return std::nullopt;
  const bool is_max = node.op_type == "ReduceMax", squares = node.op_type == "ReduceSumSquare";
  Array out{kept, std::vector<double>(static_cast<std::size_t>(*size), is_max ? -infinity : 0)};
  const auto to = indices_in(kept, x.dims, static_cast<std::int64_t>(x.values.size()));
  for (std::size_t i = 0; i < x.values.size(); ++i) {
    double& sum = out.values[static_cast<std::size_t>(to[i])];
    const double value = squares ? x.values[i] * x.values[i] : x.values[i];
    sum = is_max ? std::max(sum, value) : sum + value;
  }
  if (node.op_type == "ReduceMean") {
    for (double& value : out.values) value /= count;
  }
  if (node.integer("keepdims", 1) == 0) out.dims = squeezed;
  return out;
}

// scikit-learn's: (x - offset) * scale, of each column.
bool is_scaler(const Node& node) { return node.domain == "ai.onnx.ml" && node.op_type == "Scaler"; }

std::optional<Array> scaler(const Node& node, const Array& x) {
  const auto list = [&](const char* name) {
    const Attribute* attribute = node.find(name);
    Array out;
    if (attribute != nullptr) out.values.assign(attribute->floats.begin(), attribute->floats.end());
    out.dims = {static_cast<std::int64_t>(out.values.size())};
    return out;
  };
  const Array offset = list("offset"), scale = list("scale");
  if (offset.values.empty() || scale.values.empty()) return std::nullopt;
  const auto shifted = pairs(x, offset, binaries().at("Sub"));
  return shifted ? pairs(*shifted, scale, binaries().at("Mul")) : std::nullopt;
}

template <typename Range>
bool contains(const Range& range, std::string_view name) {
  return std::find(std::begin(range), std::end(range), name) != std::end(range);
}

}  // namespace

std::optional<Array> array_of(const Tensor& tensor) {
  const std::optional<std::int64_t> count = size_of(tensor.dims);
  if (!count) return std::nullopt;
  if (is_floating(tensor.type)) {
    Array out{tensor.dims, {}};
    if (tensor.type == DataType::float64 &&
        tensor.data.size() == static_cast<std::size_t>(*count) * sizeof(double)) {
      out.values.resize(static_cast<std::size_t>(*count));
      std::copy_n(reinterpret_cast<const char*>(tensor.data.data()), tensor.data.size(),
                  reinterpret_cast<char*>(out.values.data()));
      return out;
    }
    const std::vector<float> values = floats_of(tensor);
    out.values.assign(values.begin(), values.end());
    return out;
  }
  if (!is_integer(tensor.type)) return std::nullopt;
  const std::vector<std::int64_t> values = integers_of(tensor);
  return Array{tensor.dims, std::vector<double>(values.begin(), values.end())};
}

bool is_reduction(const Node& node) { return node.domain.empty() && contains(reductions, node.op_type); }

bool is_elementwise(const Node& node) {
  const std::string_view op = node.op_type;
  return is_scaler(node) || (node.domain.empty() &&
                             (unaries().contains(op) || binaries().contains(op) || variadics().contains(op) ||
                              contains(shaped_names, op) || op == "Clip" || op == "Cast" || op == "Where"));
}

std::optional<Array> evaluate(const Node& node, Inputs inputs, std::int64_t opset) {
  const std::string_view op = node.op_type;
  const auto count =
      std::find(inputs.begin(), inputs.end(), nullptr) - inputs.begin();  // of those from the first on
  if (count == 0) return std::nullopt;
  const Array& x = *inputs[0];
  if (is_scaler(node)) return scaler(node, x);
  if (!node.domain.empty()) return std::nullopt;
  if (const auto unary = unaries().find(op); unary != unaries().end()) return each(x, unary->second);
  if (const auto function = shaped(node)) return each(x, function);
  if (op == "Clip") return clip(node, inputs, opset);
  if (op == "Cast") return cast(node, x);
  if (is_reduction(node)) return reduce(node, inputs);
  if (op == "Where") return count == 3 ? where(x, *inputs[1], *inputs[2]) : std::nullopt;
  if (const auto binary = binaries().find(op); binary != binaries().end()) {
    // Before opset 7 shapes were aligned by an attribute.
    if (count != 2 || node.find("axis") != nullptr) return std::nullopt;
    return pairs(x, *inputs[1], binary->second);
  }
  if (const auto variadic = variadics().find(op); variadic != variadics().end()) {
    std::optional<Array> sum = x;
    for (const Array* other : inputs.subspan(1))
      sum = sum && other != nullptr ? pairs(*sum, *other, variadic->second) : std::nullopt;
    return sum;
  }
  return std::nullopt;
}

}  // namespace nn::onnx
