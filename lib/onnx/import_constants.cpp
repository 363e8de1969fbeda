// Constants that are computed of constants.
#include <algorithm>
#include <cstring>
#include <numeric>

#include "base/error.hpp"
#include "onnx/import_shapes.hpp"

namespace nn::onnx {
namespace {

using Dims = std::vector<std::int64_t>;
constexpr std::int64_t most_splat = std::int64_t{1} << 25;  // elements of constants that a file only names

ConstantPtr with_tensor(Tensor tensor, std::optional<double> all = {}) {
  auto out = std::make_shared<Constant>();
  out->tensor = std::move(tensor);
  out->all = all;
  return out;
}

std::int64_t product(const Dims& dims) {
  std::int64_t out = 1;
  for (const std::int64_t dim : dims) {
    if (dim < 0 || __builtin_mul_overflow(out, dim, &out)) return -1;
  }
  return out;
}

// The same elements under other dimensions.
std::optional<ConstantPtr> with_dims(const Constant& constant, Dims dims) {
  if (product(dims) != constant.count()) return std::nullopt;
  Tensor tensor = constant.tensor;
  tensor.dims = std::move(dims);
  return with_tensor(std::move(tensor), constant.all);
}

// Each element where `from` says, in dimensions `dims`.
std::optional<ConstantPtr> gathered(const Constant& constant, Dims dims,
                                    const std::vector<std::int64_t>& from) {
  if (constant.all) return with_dims(constant, std::move(dims));
  const std::size_t bytes = size_of(constant.tensor.type);
  Tensor tensor;
  tensor.type = constant.tensor.type;
  tensor.dims = std::move(dims);
  if (bytes == 0) {
    for (const std::int64_t index : from)
      tensor.strings.push_back(constant.tensor.strings[static_cast<std::size_t>(index)]);
    return with_tensor(std::move(tensor));
  }
  auto data = std::make_shared<std::vector<std::byte>>(from.size() * bytes);
  for (std::size_t i = 0; i < from.size(); ++i)
    std::memcpy(data->data() + i * bytes,
                constant.tensor.data.data() + static_cast<std::size_t>(from[i]) * bytes, bytes);
  tensor.data = *data;
  tensor.keeper = data;
  return with_tensor(std::move(tensor));
}

std::optional<ConstantPtr> transpose(const Node& node, const Constant& constant) {
  const Dims& dims = constant.tensor.dims;
  Dims order = node.integers("perm");
  if (order.empty()) {
    order.resize(dims.size());
    std::iota(order.rbegin(), order.rend(), 0);
  }
  const auto axes = from_front(order, dims.size());
  if (!axes || axes->size() != dims.size()) return std::nullopt;
  std::vector<std::int64_t> strides(dims.size(), 1);
  for (std::size_t i = dims.size(); i-- > 1;) strides[i - 1] = strides[i] * dims[i];
  Dims out, steps, at(dims.size(), 0);
  for (const std::size_t axis : *axes) {
    out.push_back(dims[axis]);
    steps.push_back(strides[axis]);
  }
  if (constant.all) return with_dims(constant, std::move(out));
  std::vector<std::int64_t> from(static_cast<std::size_t>(constant.count()));
  std::int64_t index = 0;
  for (std::int64_t& element : from) {
    element = index;
    for (std::size_t d = out.size(); d-- > 0;) {
      index += steps[d];
      if (++at[d] < out[d]) break;
      index -= steps[d] * out[d];
      at[d] = 0;
    }
  }
  return gathered(constant, std::move(out), from);
}

// What a Reshape's wish becomes, of a tensor whose dimensions are known.
std::optional<Dims> wished_dims(const Dims& dims, Dims wish, bool zero_is_zero) {
  std::int64_t known = 1, open = -1;
  for (std::size_t i = 0; i < wish.size(); ++i) {
    if (wish[i] == 0 && !zero_is_zero) {
      if (i >= dims.size()) return std::nullopt;
      wish[i] = dims[i];
    }
    if (wish[i] == -1) {
      if (open >= 0) return std::nullopt;
      open = static_cast<std::int64_t>(i);
    } else if (wish[i] < 0 || __builtin_mul_overflow(known, wish[i], &known)) {
      return std::nullopt;
    }
  }
  const std::int64_t count = product(dims);
  if (open >= 0) {
    if (known == 0 || count % known != 0) return std::nullopt;
    wish[static_cast<std::size_t>(open)] = count / known;
  }
  return wish;
}

std::optional<Dims> squeezed(const Node& node, std::span<const GraphValue> operands, const Dims& dims) {
  const auto axes = axes_of(node, operands);
  if (!axes) return std::nullopt;
  Dims out;
  if (node.op_type == "Unsqueeze") {
    const auto at = from_front(*axes, dims.size() + axes->size());
    if (!at) return std::nullopt;
    std::size_t next = 0;
    for (std::size_t i = 0; i < dims.size() + axes->size(); ++i)
      out.push_back(std::find(at->begin(), at->end(), i) != at->end() ? 1 : dims[next++]);
    return out;
  }
  const auto at = from_front(*axes, dims.size());
  if (!at) return std::nullopt;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const bool named = axes->empty() ? dims[i] == 1 : std::find(at->begin(), at->end(), i) != at->end();
    if (!named)
      out.push_back(dims[i]);
    else if (dims[i] != 1)
      return std::nullopt;
  }
  return out;
}

std::optional<ConstantPtr> constant_node(const Node& node) {
  if (const Attribute* value = node.find("value"); value != nullptr && value->tensor)
    return with_tensor(*value->tensor);
  for (const Attribute& a : node.attributes) {
    const auto reals = [](Dims dims, const std::vector<float>& values) {
      return with_tensor(make_tensor("", std::move(dims), std::span<const float>(values)));
    };
    const auto integers = [](Dims dims, const std::vector<std::int64_t>& values) {
      return with_tensor(make_tensor("", std::move(dims), std::span<const std::int64_t>(values)));
    };
    const auto length = [](const auto& list) { return Dims{static_cast<std::int64_t>(list.size())}; };
    if (a.name == "value_float") return reals({}, {a.f});
    if (a.name == "value_floats") return reals(length(a.floats), a.floats);
    if (a.name == "value_int") return integers({}, {a.i});
    if (a.name == "value_ints") return integers(length(a.ints), a.ints);
    if (a.name == "value_string") return with_tensor(make_tensor("", {}, std::vector<std::string>{a.s}));
    if (a.name == "value_strings") return with_tensor(make_tensor("", length(a.strings), a.strings));
  }
  return std::nullopt;
}

std::optional<ConstantPtr> constant_of_shape(const Node& node, const GraphValue& shape) {
  const std::optional<Dims> dims = numbers_of_value(shape);
  if (!dims) return std::nullopt;
  const std::int64_t count = product(*dims);
  if (count < 0 || count > most_splat) return std::nullopt;
  Tensor tensor;
  tensor.dims = *dims;
  tensor.type = DataType::float32;
  double all = 0;
  if (const Attribute* value = node.find("value"); value != nullptr && value->tensor) {
    tensor.type = value->tensor->type;
    const std::optional<Array> element = array_of(*value->tensor);
    if (!element || element->values.size() != 1) return std::nullopt;
    all = element->values[0];
  }
  return with_tensor(std::move(tensor), all);
}

ConstantPtr from_array(const Array& array, bool integers) {
  if (!integers) return with_tensor(make_tensor("", array.dims, std::span<const double>(array.values)));
  const std::vector<std::int64_t> values(array.values.begin(), array.values.end());
  return with_tensor(make_tensor("", array.dims, std::span<const std::int64_t>(values)));
}

}  // namespace

std::optional<ConstantPtr> fold(const Node& node, std::span<const GraphValue> operands, std::int64_t opset) {
  const std::string_view op = node.op_type;
  if (!node.domain.empty()) return std::nullopt;
  if (op == "Constant") return constant_node(node);
  if (operands.empty()) return std::nullopt;
  if (op == "ConstantOfShape") return constant_of_shape(node, operands[0]);
  const Constant* x = constant_of(operands[0]);
  if (x == nullptr) return std::nullopt;
  const Dims& dims = x->tensor.dims;
  if (op == "Identity" || op == "Dropout") return std::get<ConstantPtr>(operands[0]);
  if (op == "Transpose") return transpose(node, *x);
  if (op == "Reshape") {
    const std::optional<Dims> wish =
        operands.size() > 1 ? numbers_of_value(operands[1]) : node.integers("shape");
    const auto out = wish ? wished_dims(dims, *wish, node.integer("allowzero", 0) != 0) : std::nullopt;
    return out ? with_dims(*x, *out) : std::nullopt;
  }
  if (op == "Squeeze" || op == "Unsqueeze") {
    const auto out = squeezed(node, operands, dims);
    return out ? with_dims(*x, *out) : std::nullopt;
  }
  if (op == "Flatten") {
    const auto axis = from_front({node.integer("axis", 1)}, dims.size() + 1);
    if (!axis) return std::nullopt;
    const auto middle = dims.begin() + static_cast<std::ptrdiff_t>((*axis)[0]);
    return with_dims(*x, {product({dims.begin(), middle}), product({middle, dims.end()})});
  }
  if (op == "Cast") {
    const auto to = static_cast<DataType>(node.integer("to", 0));
    if (to == x->tensor.type || (is_floating(to) && is_floating(x->tensor.type)))
      return std::get<ConstantPtr>(operands[0]);
    if (x->all) {
      Tensor tensor = x->tensor;
      tensor.type = to;
      return with_tensor(std::move(tensor), x->all);
    }
  }
  if (x->count() <= static_cast<std::int64_t>(most_integers)) {
    if (const auto integers = compute_integers(node, operands)) {
      std::vector<std::int64_t> values;
      for (const Extent& extent : integers->values) values.push_back(extent.number);
      const Dims out = integers->is_scalar ? Dims{} : Dims{static_cast<std::int64_t>(values.size())};
      return with_tensor(make_tensor("", out, std::span<const std::int64_t>(values)));
    }
  }
  // Numbers that are computed of constants: bounds, scales, weights that were normalised.
  std::vector<const Array*> arrays;
  bool integers = true;
  for (const GraphValue& operand : operands) {
    const Constant* constant = constant_of(operand);
    arrays.push_back(constant == nullptr ? nullptr : constant->array());
    if (constant != nullptr && arrays.back() == nullptr) return std::nullopt;
    integers = integers && (constant == nullptr || is_integer(constant->tensor.type));
  }
  const std::optional<Array> array = evaluate(node, arrays, opset);
  if (!array) return std::nullopt;
  if (op == "Cast") integers = is_integer(static_cast<DataType>(node.integer("to", 0)));
  if (integers && op == "Div") return std::nullopt;  // which rounds
  return from_array(*array, integers);
}

}  // namespace nn::onnx
