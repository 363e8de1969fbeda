// Puts a graph together, node by node: names that nobody else has, attributes, constants. Internal to
// lib/onnx.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "onnx/graph.hpp"

namespace nn::onnx {

Attribute attribute(std::string name, std::int64_t value);
Attribute attribute(std::string name, float value);
Attribute attribute(std::string name, std::string text);
Attribute attribute(std::string name, std::vector<std::int64_t> values);
Attribute attribute(std::string name, std::vector<std::string> values);

class GraphBuilder {
 public:
  GraphBuilder(std::string name, std::int64_t opset) : opset_(opset) { graph_.name = std::move(name); }

  std::int64_t opset() const { return opset_; }

  // `wanted` where it is free, else with a number behind it. From then on it is taken.
  std::string unique(std::string wanted);

  // Dimensions behind the batch, which is the first and has a symbol. The names are as unique() has them.
  void add_input(std::string name, DataType type, const std::vector<std::int64_t>& row);
  // What the value of an earlier node is called in front of the world.
  void add_output(std::string name, DataType type, const std::vector<std::int64_t>& row);

  // A constant, and its name. The tensor's own name is what is wanted.
  std::string constant(Tensor tensor);
  std::string constant(std::string name, float value) {
    return constant(make_tensor(std::move(name), {}, std::span<const float>(&value, 1)));
  }
  std::string constant(std::string name, const std::vector<std::int64_t>& values) {
    return constant(make_tensor(std::move(name), {static_cast<std::int64_t>(values.size())},
                                std::span<const std::int64_t>(values)));
  }
  // The same for weights: their names are remembered.
  std::string weights(Tensor tensor);

  // A node with one output, which it and the node are called by: `name`, and where that is taken, another.
  std::string add(std::string_view name, std::string op_type, std::vector<std::string> inputs,
                  std::vector<Attribute> attributes = {}, std::string domain = {});
  // The same with another output behind the first, which nobody uses: for operators that must have it.
  std::string add_with_unused(std::string_view name, std::string op_type, std::vector<std::string> inputs,
                              std::vector<Attribute> attributes);

  // The last node's first output gets another name, which is taken: for outputs of the graph.
  void rename_last(const std::string& name);

  bool uses_domain(std::string_view domain) const;
  Graph take() { return std::move(graph_); }
  const std::vector<std::string>& weight_names() const { return weight_names_; }

 private:
  std::int64_t opset_;
  Graph graph_;
  std::set<std::string, std::less<>> taken_;
  std::vector<std::string> weight_names_;
};

}  // namespace nn::onnx
