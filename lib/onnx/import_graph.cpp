#include "onnx/import_graph.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/memory.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "model/description.hpp"
#include "nn/plan.hpp"
#include "onnx/import_ends.hpp"
#include "onnx/import_flow.hpp"
#include "onnx/import_layers.hpp"

namespace nn::onnx {
namespace {

using Kind = ImportLayer::Kind;

// ---- what goes in

// The input that all of the answer is computed of.
int input_of(const FlowGraph& graph, int op) {
  while (graph.op(op).dominator >= 0) op = graph.op(op).dominator;
  if (graph.op(op).type != FlowType::input)
    fail(ErrorKind::unsupported, "{}: it puts two inputs together, and the network here has one",
         graph.describe(graph.op(op).node));
  return op;
}

std::string name_of_input(const FlowGraph& graph, int op) {
  for (const ValueInfo& input : graph.file().graph.inputs) {
    const GraphValue* value = graph.find(input.name);
    const auto* flow = value == nullptr ? nullptr : std::get_if<Flow>(value);
    if (flow != nullptr && flow->op == op) return input.name;
  }
  return "x";
}

// What an affine layer does to element `index` of `count`, as (value - offset) * scale.
struct Scaling {
  double offset = 0, scale = 1;
};
Scaling scaling_at(const ImportLayer& affine, std::size_t index) {
  if (affine.scale.empty()) return {};
  const std::size_t at = affine.scale.size() == 1 ? 0 : index % affine.scale.size();
  const double scale = affine.scale[at], shift = affine.shift[at];
  if (!std::isfinite(scale) || !std::isfinite(shift) || scale == 0)
    fail_data("its first nodes multiply an input with {}", scale);
  return {shift == 0 ? 0 : -shift / scale, scale};
}

// Vectors are columns of numbers, which a table has; images, and vectors of more numbers than tables have
// columns, are one tensor each.
constexpr std::int64_t most_columns = 65'536;
std::vector<model::InputColumn> columns_of(const FlowGraph& graph, int input, const ImportLayer& affine) {
  const FlowOp& op = graph.op(input);
  const std::vector<std::int64_t> image = graph.image(op);
  std::vector<model::InputColumn> columns;
  const std::int64_t width = image[2];
  if (graph.is_vector(op) && width <= most_columns) {
    for (std::int64_t i = 0; i < width; ++i) {
      model::InputColumn& column = columns.emplace_back();
      column.name = fmt::format("c{}", i);
      column.kind = model::InputColumn::Kind::number;
      column.fill = {0};
      if (!affine.scale.empty()) {
        const Scaling scaling = scaling_at(affine, static_cast<std::size_t>(i));
        column.offset = {scaling.offset};
        column.scale = {scaling.scale};
      }
    }
    warn("a missing value in its {} columns counts as {}: the file doesn't say what stands for one", width,
         affine.scale.empty() ? "0" : "0 before it is scaled");
    return columns;
  }
  model::InputColumn& column = columns.emplace_back();
  column.name = name_of_input(graph, input);
  column.kind = model::InputColumn::Kind::tensor;
  column.shape = graph.is_vector(op) ? Shape{width} : Shape(image.begin(), image.end());
  if (column.shape.size() > 1 && column.shape.back() == 1) column.shape.pop_back();
  if (affine.scale.size() == 1) {
    const Scaling scaling = scaling_at(affine, 0);
    column.offset = {scaling.offset};
    column.scale = {scaling.scale};
  } else if (!affine.scale.empty()) {
    const std::int64_t elements = element_count(column.shape);
    for (std::int64_t i = 0; i < elements; ++i) {
      const Scaling scaling = scaling_at(affine, static_cast<std::size_t>(i));
      column.offset.push_back(scaling.offset);
      column.scale.push_back(scaling.scale);
    }
  }
  const std::vector<Role>& roles = graph.space(op).roles;
  if (!std::is_sorted(roles.begin(), roles.end()) && column.shape.size() > 1) {
    warn("its images are {} here, height, width and channels; the file has channels first",
         to_string(column.shape));
  }
  return columns;
}

// ---- what comes out

bool is_integer_text(const std::string& text) {
  try {
    return std::to_string(parse_integer(text)) == text;
  } catch (const Error&) {
    return false;
  }
}

// In ascending order, as targets have them, and for each in the file's order its place there.
struct Classes {
  std::vector<std::string> names;
  bool integers = false;
  std::vector<std::int64_t> places;
};
Classes sorted_classes(const std::vector<std::string>& names) {
  Classes out;
  out.integers = std::all_of(names.begin(), names.end(), is_integer_text);
  std::vector<std::size_t> order(names.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return out.integers ? parse_integer(names[a]) < parse_integer(names[b]) : names[a] < names[b];
  });
  out.places.resize(names.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    out.names.push_back(names[order[i]]);
    out.places[order[i]] = static_cast<std::int64_t>(i);
    if (i > 0 && out.names[i] == out.names[i - 1])
      fail_data("two classes are called '{}'", printable(out.names[i]));
  }
  return out;
}

// Takes a sigmoid off the end of a network of one output.
bool take_sigmoid(ImportChain& chain) {
  while (!chain.empty() && chain.back().kind == Kind::flatten) chain.pop_back();  // of one value
  if (chain.empty() || chain.back().activation != "sigmoid") return false;
  if (chain.back().kind == Kind::activation) {
    chain.pop_back();
    return true;
  }
  chain.back().activation.clear();
  return true;
}

struct Meaning {
  model::Target target;
  Loss loss = Loss::mse;
};

Meaning meaning_of(const FlowGraph& graph, Answer& answer, ImportChain& chain, const ImportOptions& options) {
  const std::vector<std::int64_t> image = graph.image(graph.op(answer.op));
  const std::int64_t outputs = image[0] * image[1] * image[2];
  Meaning out;
  const bool is_softmax =
      answer.kind == AnswerKind::probabilities || answer.kind == AnswerKind::log_probabilities;
  bool is_binary = answer.kind == AnswerKind::two_probabilities;
  const bool names_two = options.classes.size() == 2 || answer.classes.size() == 2;
  if (outputs == 1 && !is_softmax) {
    const bool sigmoid = take_sigmoid(chain);
    if (is_binary && !sigmoid)
      fail(ErrorKind::unsupported, "its probabilities of two classes come from no sigmoid");
    is_binary = sigmoid || (names_two && !options.classes.empty());
  }
  const bool is_classes = is_softmax || is_binary || !options.classes.empty();
  if (!is_classes) {
    out.target.kind = model::Target::Kind::numbers;
    out.target.name = "y";
    if (graph.is_vector(graph.op(answer.op))) {
      if (outputs > 1) out.target.shape = {outputs};
    } else {
      out.target.shape = Shape(image.begin(), image.end());
    }
    if (options.loss) {
      if (is_classification(options.loss->loss)) {
        throw make_error(ErrorKind::usage, "{} is a loss of classes, and the file's outputs are numbers",
                         to_string(*options.loss))
            .advise("; --classes names them");
      }
      if (options.loss->loss == Loss::gaussian || options.loss->loss == Loss::pinball)
        fail_usage("{} would make something else of its outputs", to_string(*options.loss));
      out.loss = options.loss->loss;
    }
    return out;
  }
  const std::int64_t count = is_binary ? 2 : outputs;
  std::vector<std::string> names = options.classes.empty() ? answer.classes : options.classes;
  if (!options.classes.empty() && std::ssize(names) != count) {
    throw make_error(ErrorKind::usage, "{} classes are named, and the file gives {}", names.size(), count)
        .advise(" (--classes)");
  }
  if (std::ssize(names) != count) names.clear();
  if (names.empty()) {
    for (std::int64_t i = 0; i < count; ++i) names.push_back(std::to_string(i));
    warn("its {} classes are called 0 to {}: the file has no names for them", count, count - 1);
  }
  Classes classes = sorted_classes(names);
  out.target.kind = model::Target::Kind::classes;
  out.target.classes = std::move(classes.names);
  out.target.integers = classes.integers;
  out.loss = is_binary ? Loss::binary_crossentropy : Loss::categorical_crossentropy;
  if (options.loss && options.loss->loss != out.loss)
    fail_usage("{} does not go with the file's outputs, whose loss is {}", to_string(*options.loss),
               name_of(out.loss));
  if (std::is_sorted(classes.places.begin(), classes.places.end())) return out;
  if (chain.empty() || chain.back().kind != Kind::dense)
    fail(ErrorKind::unsupported, "its classes aren't in ascending order, and its last layer is no dense one");
  if (is_binary) {
    // The one output is the logit of the other class.
    chain.back().kernel.factor = -chain.back().kernel.factor;
    for (double& bias : chain.back().bias) bias = -bias;
  } else {
    chain.back().output_places = std::move(classes.places);
  }
  return out;
}

// ---- weights

class PlanWeights : public WeightSink {
 public:
  explicit PlanWeights(const Plan& plan)
      : plan_(plan),
        block_(std::make_shared<Buffer>(static_cast<std::size_t>(plan.parameter_count) * sizeof(float))) {
    std::fill_n(block_->as<float>(), plan.parameter_count, 0.0f);
  }
  float* place(const char* name, std::int64_t count) override {
    if (next_ >= plan_.parameters.size()) fail(ErrorKind::internal, "more weights than the network has");
    const Parameter& parameter = plan_.parameters[next_++];
    if (!parameter.name.ends_with(std::string("/") + name) || parameter.size() != count)
      fail(ErrorKind::internal, "{} of {} elements for {}", name, count, parameter.name);
    return block_->as<float>() + parameter.offset;
  }
  std::shared_ptr<const float> finish() {
    if (next_ != plan_.parameters.size()) fail(ErrorKind::internal, "fewer weights than the network has");
    return {block_, block_->as<float>()};
  }

 private:
  const Plan& plan_;
  std::shared_ptr<Buffer> block_;
  std::size_t next_ = 0;
};

}  // namespace

model::Model import_graph(const Model& file, const ImportOptions& options) {
  if (file.graph.nodes.empty()) fail_data("the graph is empty");
  if (file.has_functions) fail(ErrorKind::unsupported, "it has operators of its own (functions)");
  const FlowGraph graph(file);
  Answer answer = find_answer(graph);
  const int input = input_of(graph, answer.op);
  ImportChain chain = chain_between(graph, input, answer.op);
  const ImportLayer affine = tidy(chain);
  const std::vector<std::int64_t> image = graph.image(graph.op(answer.op));
  if (std::all_of(chain.begin(), chain.end(),
                  [](const ImportLayer& layer) { return layer.kind == Kind::flatten; })) {
    chain = {identity(image[2])};
  }
  if (!graph.is_vector(graph.op(answer.op))) {
    chain.emplace_back().kind = Kind::flatten;
    if (image[0] * image[1] > 1 && image[2] > 1)
      warn("its answers are images of {} here, in the order of height, width and channels",
           to_string(Shape(image.begin(), image.end())));
  }
  if (answer.kind == AnswerKind::log_probabilities)
    warn("it gives logarithms of probabilities; the model gives the probabilities");

  model::Model model;
  Meaning meaning = meaning_of(graph, answer, chain, options);
  model.target = std::move(meaning.target);
  model.loss = meaning.loss;
  model.encoder = model::Encoder(columns_of(graph, input, affine));
  model.provenance.tool_version = std::string(tools_version());
  model.provenance.command_line = options.command_line;
  model.provenance.data_digest = options.digest;
  model.provenance.created_unix_s = model::source_date_epoch();

  const std::string text = net_text(chain);
  try {
    model.network = parse_network(text);
    resolve(model.network, model.encoder.input_shape(), model::outputs_for(model.target, model.loss),
            model.encoder.segments());
    const Plan plan = lower(model.network, model.loss);
    PlanWeights weights(plan);
    write_weights(graph, chain, weights);
    model.parameters = weights.finish();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::usage) throw;
    throw error.within(fmt::format("its network '{}'", printable(text))).as(ErrorKind::unsupported);
  }
  model::check_model(model);
  return model;
}

}  // namespace nn::onnx
