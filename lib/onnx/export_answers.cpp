// What the network's outputs mean: probabilities and labels, or numbers in the table's unit, as
// predict/predictions.hpp and Target::finish() have them.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.hpp"
#include "onnx/export_parts.hpp"

namespace nn::onnx {
namespace {

using model::Answers;
using model::Target;

class AnswerAdder {
 public:
  AnswerAdder(GraphBuilder& graph, const model::Model& model, const ExportOptions& options,
              std::string outputs, const AnswerNames& names)
      : graph_(graph),
        loss_(model.loss),
        target_(model.target),
        options_(options),
        value_(std::move(outputs)),
        names_(names) {}

  void run() {
    switch (loss_) {
      case Loss::categorical_crossentropy:
        graph_.add("softmax", "Softmax", {value_}, {attribute("axis", std::int64_t{1})});
        return add_classes();
      case Loss::binary_crossentropy: return add_two_classes();
      case Loss::mse:
      case Loss::mae:
      case Loss::huber: return add_numbers();
      case Loss::pinball: return add_quantiles();
      case Loss::gaussian: return add_mean_and_deviation();
    }
  }

 private:
  // The last node is the answer, and the first output of the graph.
  void finish(const std::vector<std::int64_t>& row) {
    graph_.rename_last(names_.answers);
    graph_.add_output(names_.answers, DataType::float32, row);
  }

  std::string floats(const std::string& name, const std::vector<double>& values) {
    const std::vector<float> rounded(values.begin(), values.end());
    return graph_.constant(
        make_tensor(name, {static_cast<std::int64_t>(rounded.size())}, std::span<const float>(rounded)));
  }

  // ---- classes

  // The probability of either from the one logit: one less the other would lose what is small.
  void add_two_classes() {
    const std::string other = graph_.add("logits/neg", "Neg", {value_});
    const std::string both =
        graph_.add("logits/concat", "Concat", {other, value_}, {attribute("axis", std::int64_t{1})});
    graph_.add("sigmoid", "Sigmoid", {both});
    add_classes();
  }

  // Behind the node of the probabilities.
  void add_classes() {
    finish({target_.width()});
    const std::string index =
        graph_.add("label/argmax", "ArgMax", {names_.answers},
                   {attribute("axis", std::int64_t{1}), attribute("keepdims", std::int64_t{0})});
    const bool texts = !target_.integers && !options_.numeric;
    if (texts || target_.integers) {
      const std::string classes = graph_.constant(texts ? class_texts() : class_integers());
      graph_.add("label/gather", "Gather", {classes, index}, {attribute("axis", std::int64_t{0})});
    }
    graph_.rename_last(names_.label);
    graph_.add_output(names_.label, texts ? DataType::string : DataType::int64, {});
  }

  Tensor class_texts() const { return make_tensor("label/classes", {target_.width()}, target_.classes); }

  Tensor class_integers() const {
    std::vector<std::int64_t> values;
    for (const std::string& text : target_.classes) {
      std::int64_t value = 0;
      std::from_chars(text.data(), text.data() + text.size(), value);
      values.push_back(value);
    }
    return make_tensor("label/classes", {target_.width()}, std::span<const std::int64_t>(values));
  }

  // ---- numbers

  // The network learned (y - offset) * scale.
  void unscale() {
    if (target_.scale.empty()) return;
    value_ = graph_.add("target/div", "Div", {value_, floats("target/scale", target_.scale)});
    value_ = graph_.add("target/add", "Add", {value_, floats("target/offset", target_.offset)});
  }

  void add_numbers() {
    unscale();
    const Shape& shape = target_.shape;
    if (shape.size() > 1) {
      std::vector<std::int64_t> dims{-1};
      dims.insert(dims.end(), shape.begin(), shape.end());
      graph_.add("target/reshape", "Reshape", {value_, graph_.constant("target/shape", dims)});
      return finish(shape);
    }
    if (target_.scale.empty()) graph_.add("target/identity", "Identity", {value_});
    finish({target_.width()});
  }

  // In ascending order: where they cross, they are sorted.
  void add_quantiles() {
    unscale();
    const auto count = static_cast<std::int64_t>(target_.answers.quantiles.size());
    if (count > 1) {
      const std::string all = graph_.constant("quantiles/count", std::vector<std::int64_t>{count});
      graph_.add_with_unused("quantiles/sort", "TopK", {value_, all},
                             {attribute("axis", std::int64_t{1}), attribute("largest", std::int64_t{0}),
                              attribute("sorted", std::int64_t{1})});
    } else if (target_.scale.empty()) {
      graph_.add("quantiles/identity", "Identity", {value_});
    }
    finish({count});
  }

  std::string column(const std::string& name, std::int64_t index) {
    const auto integers = [&](const char* what, std::int64_t value) {
      return graph_.constant(name + "/" + what, std::vector<std::int64_t>{value});
    };
    const std::string starts = integers("starts", index), ends = integers("ends", index + 1);
    return graph_.add(name + "/slice", "Slice", {value_, starts, ends, integers("axes", 1)});
  }

  // Of the logarithm of the variance, which has a least value, the standard deviation in the table's unit.
  void add_mean_and_deviation() {
    std::string mean = column("mean", 0), deviation = column("std", 1);
    deviation = graph_.add("std/max", "Max", {deviation, graph_.constant("std/least", least_log_variance)});
    deviation = graph_.add("std/mul", "Mul", {deviation, graph_.constant("std/half", 0.5f)});
    deviation = graph_.add("std/exp", "Exp", {deviation});
    if (!target_.scale.empty()) {
      value_ = mean;
      unscale();
      mean = value_;
      deviation =
          graph_.add("std/div", "Div", {deviation, floats("std/scale", {std::abs(target_.scale[0])})});
    }
    graph_.add("normal/concat", "Concat", {mean, deviation}, {attribute("axis", std::int64_t{1})});
    finish({2});
  }

  GraphBuilder& graph_;
  Loss loss_;
  const Target& target_;
  const ExportOptions& options_;
  std::string value_;
  const AnswerNames& names_;
};

}  // namespace

AnswerNames reserve_answers(GraphBuilder& graph, const model::Model& model) {
  if (!is_classification(model.loss)) return {graph.unique("value"), {}};
  AnswerNames names;
  names.answers = graph.unique("proba");
  names.label = graph.unique("label");
  return names;
}

void add_answers(GraphBuilder& graph, const model::Model& model, const ExportOptions& options,
                 const std::string& outputs, const AnswerNames& names) {
  AnswerAdder(graph, model, options, outputs, names).run();
}

}  // namespace nn::onnx
