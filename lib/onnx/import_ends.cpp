#include "onnx/import_ends.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "onnx/import_recognise.hpp"

namespace nn::onnx {
namespace {

const Flow* flow_named(const FlowGraph& graph, const std::string& name) {
  const GraphValue* value = graph.find(name);
  return value == nullptr ? nullptr : std::get_if<Flow>(value);
}

const Node* maker_of(const Graph& graph, std::string_view name) {
  for (const Node& node : graph.nodes) {
    if (std::find(node.outputs.begin(), node.outputs.end(), name) != node.outputs.end()) return &node;
  }
  return nullptr;
}

bool is_node(const Node* node, std::string_view op, std::string_view domain = "") {
  return node != nullptr && node->op_type == op && node->domain == domain;
}

// Names of classes are where the largest value's index is turned into one, or where a map is made.
void find_classes(const FlowGraph& graph, Answer& answer) {
  const Graph& file = graph.file().graph;
  const auto take_texts = [&](const std::vector<std::string>& texts) { answer.classes = texts; };
  const auto take_integers = [&](const std::vector<std::int64_t>& numbers) {
    answer.classes.clear();
    for (const std::int64_t number : numbers) answer.classes.push_back(std::to_string(number));
    answer.integers = true;
  };
  for (const Node& node : file.nodes) {
    if (is_node(&node, "ZipMap", "ai.onnx.ml")) {
      if (const Attribute* texts = node.find("classlabels_strings");
          texts != nullptr && !texts->strings.empty())
        return take_texts(texts->strings);
      if (const Attribute* numbers = node.find("classlabels_int64s");
          numbers != nullptr && !numbers->ints.empty())
        return take_integers(numbers->ints);
    }
    const bool extracts = is_node(&node, "ArrayFeatureExtractor", "ai.onnx.ml") || is_node(&node, "Gather");
    if (!extracts || node.inputs.size() != 2 || !is_node(maker_of(file, node.inputs[1]), "ArgMax")) continue;
    const GraphValue* value = graph.find(node.inputs[0]);
    const auto* constant = value == nullptr ? nullptr : std::get_if<ConstantPtr>(value);
    if (constant == nullptr) continue;
    const Tensor& tensor = (*constant)->tensor;
    if (tensor.type == DataType::string) return take_texts(tensor.strings);
    if (is_integer(tensor.type) && !(*constant)->all && tensor.count() <= 10'000)
      return take_integers(integers_of(tensor));
  }
}

// p of concat(1 - p, p).
std::optional<int> second_of_two(const FlowGraph& graph, const FlowOp& op) {
  if (op.type != FlowType::concat || op.operands.size() != 2) return std::nullopt;
  const int first = std::get<Flow>(op.operands[0]).op, second = std::get<Flow>(op.operands[1]).op;
  if (graph.image(graph.op(second)) != std::vector<std::int64_t>{1, 1, 1} || first <= second)
    return std::nullopt;
  const std::optional<Known> known = recognise(graph, second, first);
  const auto* affine = known ? std::get_if<KnownAffine>(&*known) : nullptr;
  if (affine == nullptr || affine->scale != std::vector<double>{-1} ||
      affine->shift != std::vector<double>{1})
    return std::nullopt;
  return second;
}

}  // namespace

Answer find_answer(const FlowGraph& graph) {
  const Graph& file = graph.file().graph;
  std::vector<Answer> answers;
  std::string why;
  for (const ValueInfo& output : file.outputs) {
    std::string name = output.name;
    // A map of classes to their probabilities, for each row.
    const Node* maker = maker_of(file, name);
    if (is_node(maker, "ZipMap", "ai.onnx.ml") && !maker->inputs.empty()) name = maker->inputs[0];
    const Flow* flow = flow_named(graph, name);
    if (flow != nullptr) {
      const bool again =
          std::any_of(answers.begin(), answers.end(), [&](const Answer& a) { return a.op == flow->op; });
      if (!again) answers.push_back({output.name, flow->op, AnswerKind::numbers, {}, false});
      continue;
    }
    const GraphValue* value = graph.find(name);
    const auto* unknown = value == nullptr ? nullptr : std::get_if<Unknown>(value);
    const bool is_label = output.type == DataType::int64 || output.type == DataType::string;
    if (unknown != nullptr && !is_label && why.empty())
      why = fmt::format("{}: {}", graph.describe(unknown->node), unknown->why);
  }
  if (!why.empty()) throw Error(ErrorKind::unsupported, why);
  if (answers.empty()) fail(ErrorKind::unsupported, "none of its outputs are numbers that a network gives");
  // What the others are computed of isn't an answer of its own.
  if (answers.size() > 1) {
    std::vector<std::string> names;
    for (const Answer& answer : answers) names.push_back(fmt::format("'{}'", printable(answer.name)));
    throw make_error(ErrorKind::unsupported, "it has several outputs, {}, and a network here has one",
                     fmt::join(names, ", "))
        .advise("; a file with one of them would do");
  }
  Answer answer = std::move(answers[0]);
  find_classes(graph, answer);
  const FlowOp& op = graph.op(answer.op);
  if (op.type == FlowType::softmax || op.type == FlowType::log_softmax) {
    answer.kind = op.type == FlowType::softmax ? AnswerKind::probabilities : AnswerKind::log_probabilities;
    answer.op = std::get<Flow>(op.operands[0]).op;
  } else if (const std::optional<int> second = second_of_two(graph, op)) {
    answer.kind = AnswerKind::two_probabilities;
    answer.op = *second;
  }
  return answer;
}

}  // namespace nn::onnx
