#include "onnx/graph_builder.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nn::onnx {
namespace {

ValueInfo value_info(std::string name, DataType type, const std::vector<std::int64_t>& row) {
  ValueInfo value{.name = std::move(name), .type = type, .has_shape = true, .dims = {}};
  value.dims.push_back({std::nullopt, "batch"});
  for (const std::int64_t dim : row) value.dims.push_back({dim, {}});
  return value;
}

}  // namespace

namespace {

template <typename T>
Attribute made(std::string name, Attribute::Type type, T Attribute::*member, T value) {
  Attribute out;
  out.name = std::move(name);
  out.type = type;
  out.*member = std::move(value);
  return out;
}

}  // namespace

Attribute attribute(std::string name, std::int64_t value) {
  return made(std::move(name), Attribute::Type::integer, &Attribute::i, value);
}
Attribute attribute(std::string name, float value) {
  return made(std::move(name), Attribute::Type::real, &Attribute::f, value);
}
Attribute attribute(std::string name, std::string text) {
  return made(std::move(name), Attribute::Type::text, &Attribute::s, std::move(text));
}
Attribute attribute(std::string name, std::vector<std::int64_t> values) {
  return made(std::move(name), Attribute::Type::integers, &Attribute::ints, std::move(values));
}
Attribute attribute(std::string name, std::vector<std::string> values) {
  return made(std::move(name), Attribute::Type::texts, &Attribute::strings, std::move(values));
}

std::string GraphBuilder::unique(std::string wanted) {
  if (wanted.empty()) wanted = "value";
  std::string name = wanted;
  for (int number = 1; !taken_.insert(name).second; ++number) name = fmt::format("{}_{}", wanted, number);
  return name;
}

void GraphBuilder::add_input(std::string name, DataType type, const std::vector<std::int64_t>& row) {
  graph_.inputs.push_back(value_info(std::move(name), type, row));
}

void GraphBuilder::add_output(std::string name, DataType type, const std::vector<std::int64_t>& row) {
  graph_.outputs.push_back(value_info(std::move(name), type, row));
}

std::string GraphBuilder::constant(Tensor tensor) {
  tensor.name = unique(std::move(tensor.name));
  graph_.initializers.push_back(std::move(tensor));
  return graph_.initializers.back().name;
}

std::string GraphBuilder::weights(Tensor tensor) {
  std::string name = constant(std::move(tensor));
  weight_names_.push_back(name);
  return name;
}

std::string GraphBuilder::add(std::string_view name, std::string op_type, std::vector<std::string> inputs,
                              std::vector<Attribute> attributes, std::string domain) {
  std::string output = unique(std::string(name));
  graph_.nodes.push_back({.name = output,
                          .domain = std::move(domain),
                          .op_type = std::move(op_type),
                          .inputs = std::move(inputs),
                          .outputs = {output},
                          .attributes = std::move(attributes)});
  return output;
}

std::string GraphBuilder::add_with_unused(std::string_view name, std::string op_type,
                                          std::vector<std::string> inputs,
                                          std::vector<Attribute> attributes) {
  std::string made = add(name, std::move(op_type), std::move(inputs), std::move(attributes));
  graph_.nodes.back().outputs.push_back(unique(made + "/unused"));
  return made;
}

void GraphBuilder::rename_last(const std::string& name) { graph_.nodes.back().outputs.front() = name; }

bool GraphBuilder::uses_domain(std::string_view domain) const {
  return std::any_of(graph_.nodes.begin(), graph_.nodes.end(),
                     [&](const Node& node) { return node.domain == domain; });
}

}  // namespace nn::onnx
