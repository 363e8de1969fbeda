#include "onnx/graph.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "base/error.hpp"
#include "base/text.hpp"
#include "tensor/dtype.hpp"

namespace nn::onnx {
namespace {

struct TypeWord {
  std::string_view name;
  std::size_t size;
};
// By ONNX's numbers.
constexpr std::array<TypeWord, 17> type_words{{{"undefined", 0},
                                               {"float", 4},
                                               {"uint8", 1},
                                               {"int8", 1},
                                               {"uint16", 2},
                                               {"int16", 2},
                                               {"int32", 4},
                                               {"int64", 8},
                                               {"string", 0},
                                               {"bool", 1},
                                               {"float16", 2},
                                               {"double", 8},
                                               {"uint32", 4},
                                               {"uint64", 8},
                                               {"complex64", 8},
                                               {"complex128", 16},
                                               {"bfloat16", 2}}};

const TypeWord* word_of(DataType type) {
  const auto number = static_cast<std::uint32_t>(type);
  return number < type_words.size() ? &type_words[number] : nullptr;
}

template <typename T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

float bfloat16(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

// Calls use(T) with each element.
template <typename T, typename Use>
void each(const Tensor& tensor, const Use& use) {
  for (std::size_t at = 0; at + sizeof(T) <= tensor.data.size(); at += sizeof(T))
    use(load<T>(tensor.data.data() + at));
}

template <typename T>
Tensor tensor_of(std::string name, DataType type, std::vector<std::int64_t> dims, std::span<const T> values) {
  static_assert(std::endian::native == std::endian::little);
  auto buffer = std::make_shared<std::vector<std::byte>>(values.size_bytes());
  if (!values.empty()) std::memcpy(buffer->data(), values.data(), values.size_bytes());
  Tensor tensor{std::move(name), type, std::move(dims), *buffer, {}, {}};
  tensor.keeper = std::move(buffer);
  return tensor;
}

[[noreturn]] void fail_type(const Attribute& attribute, const char* wanted) {
  fail_data("attribute '{}' is not {}", printable(attribute.name), wanted);
}

}  // namespace

std::string name_of(DataType type) {
  const TypeWord* word = word_of(type);
  return word != nullptr ? std::string(word->name) : fmt::format("type {}", static_cast<std::int32_t>(type));
}

std::size_t size_of(DataType type) {
  const TypeWord* word = word_of(type);
  return word != nullptr ? word->size : 0;
}

std::int64_t Tensor::count() const {
  std::int64_t count = 1;
  for (const std::int64_t dim : dims) count *= dim;
  return count;
}

Tensor make_tensor(std::string name, std::vector<std::int64_t> dims, std::span<const float> values) {
  return tensor_of(std::move(name), DataType::float32, std::move(dims), values);
}

Tensor make_tensor(std::string name, std::vector<std::int64_t> dims, std::span<const double> values) {
  return tensor_of(std::move(name), DataType::float64, std::move(dims), values);
}

Tensor make_tensor(std::string name, std::vector<std::int64_t> dims, std::span<const std::int64_t> values) {
  return tensor_of(std::move(name), DataType::int64, std::move(dims), values);
}

Tensor make_tensor(std::string name, std::vector<std::int64_t> dims, std::vector<std::string> values) {
  return {std::move(name), DataType::string, std::move(dims), {}, std::move(values), {}};
}

Tensor make_bools(std::string name, std::vector<std::int64_t> dims, std::span<const bool> values) {
  return tensor_of(std::move(name), DataType::boolean, std::move(dims), values);
}

bool is_floating(DataType type) {
  return type == DataType::float32 || type == DataType::float64 || type == DataType::float16 ||
         type == DataType::bfloat16;
}

bool is_integer(DataType type) {
  return (type >= DataType::uint8 && type <= DataType::int64) || type == DataType::boolean ||
         type == DataType::uint32 || type == DataType::uint64;
}

std::vector<float> floats_of(const Tensor& tensor) {
  std::vector<float> out;
  out.reserve(static_cast<std::size_t>(tensor.count()));
  switch (tensor.type) {
    case DataType::float32: each<float>(tensor, [&](float value) { out.push_back(value); }); break;
    case DataType::float64:
      each<double>(tensor, [&](double value) { out.push_back(static_cast<float>(value)); });
      break;
    case DataType::float16:
      each<std::uint16_t>(tensor, [&](std::uint16_t value) { out.push_back(half_to_float(value)); });
      break;
    case DataType::bfloat16:
      each<std::uint16_t>(tensor, [&](std::uint16_t value) { out.push_back(bfloat16(value)); });
      break;
    default:
      fail_data("tensor '{}' holds {}, not floating-point numbers", printable(tensor.name),
                name_of(tensor.type));
  }
  return out;
}

std::vector<std::int64_t> integers_of(const Tensor& tensor) {
  std::vector<std::int64_t> out;
  out.reserve(static_cast<std::size_t>(tensor.count()));
  const auto add = [&](auto value) { out.push_back(static_cast<std::int64_t>(value)); };
  switch (tensor.type) {
    case DataType::boolean:
    case DataType::uint8: each<std::uint8_t>(tensor, add); break;
    case DataType::int8: each<std::int8_t>(tensor, add); break;
    case DataType::uint16: each<std::uint16_t>(tensor, add); break;
    case DataType::int16: each<std::int16_t>(tensor, add); break;
    case DataType::uint32: each<std::uint32_t>(tensor, add); break;
    case DataType::int32: each<std::int32_t>(tensor, add); break;
    case DataType::int64: each<std::int64_t>(tensor, add); break;
    case DataType::uint64:
      each<std::uint64_t>(tensor, [&](std::uint64_t value) {
        if (value > INT64_MAX)
          fail_data("tensor '{}' has {}, which is too large", printable(tensor.name), value);
        add(value);
      });
      break;
    default: fail_data("tensor '{}' holds {}, not integers", printable(tensor.name), name_of(tensor.type));
  }
  return out;
}

const Attribute* Node::find(std::string_view attribute) const {
  const auto found = std::find_if(attributes.begin(), attributes.end(),
                                  [&](const Attribute& one) { return one.name == attribute; });
  return found == attributes.end() ? nullptr : &*found;
}

std::int64_t Node::integer(std::string_view attribute, std::int64_t absent) const {
  const Attribute* found = find(attribute);
  if (found == nullptr) return absent;
  if (found->type != Attribute::Type::integer) fail_type(*found, "an integer");
  return found->i;
}

float Node::real(std::string_view attribute, float absent) const {
  const Attribute* found = find(attribute);
  if (found == nullptr) return absent;
  if (found->type != Attribute::Type::real) fail_type(*found, "a number");
  return found->f;
}

std::string Node::text(std::string_view attribute, std::string_view absent) const {
  const Attribute* found = find(attribute);
  if (found == nullptr) return std::string(absent);
  if (found->type != Attribute::Type::text) fail_type(*found, "a text");
  return found->s;
}

std::vector<std::int64_t> Node::integers(std::string_view attribute) const {
  const Attribute* found = find(attribute);
  if (found == nullptr) return {};
  if (found->type != Attribute::Type::integers) fail_type(*found, "a list of integers");
  return found->ints;
}

std::string describe(const Node& node, std::size_t index) {
  const std::string name = node.name.empty() ? std::to_string(index) : "'" + printable(node.name) + "'";
  const std::string domain = node.domain.empty() ? "" : printable(node.domain) + ":";
  return fmt::format("node {} ({}{})", name, domain, printable(node.op_type));
}

const Tensor* Graph::initializer(std::string_view wanted) const {
  const auto found = std::find_if(initializers.begin(), initializers.end(),
                                  [&](const Tensor& one) { return one.name == wanted; });
  return found == initializers.end() ? nullptr : &*found;
}

std::int64_t Model::opset(std::string_view domain) const {
  const auto found = opsets.find(domain);
  return found == opsets.end() ? 0 : found->second;
}

}  // namespace nn::onnx
