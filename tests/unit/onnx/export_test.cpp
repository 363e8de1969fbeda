// Models of ours as graphs. What runtimes compute of them is in tests/interop/onnx_export.py.
#include "onnx/export.hpp"

#include <algorithm>
#include <set>

#include "../model/models.hpp"
#include "base/error.hpp"
#include "catch.hpp"
#include "layers/table.hpp"
#include "model/description.hpp"
#include "onnx/graph.hpp"

using namespace nn;
using namespace nn::onnx;
using namespace nn::test;
using Catch::Matchers::Contains;

namespace {

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + text;
  return out;
}

std::string text_of(const ValueInfo& value) {
  std::string out = value.name + ": " + name_of(value.type);
  for (const Dimension& dim : value.dims)
    out += " " + (dim.value ? std::to_string(*dim.value) : "'" + dim.symbol + "'");
  return out + "\n";
}

// A line for each part.
std::string text_of(const Graph& graph) {
  std::string out;
  for (const ValueInfo& input : graph.inputs) out += "in " + text_of(input);
  for (const Node& node : graph.nodes) {
    out += fmt::format("{}({}) -> {}", node.op_type, joined(node.inputs), joined(node.outputs));
    for (const Attribute& attribute : node.attributes) out += " " + attribute.name;
    out += "\n";
  }
  for (const ValueInfo& output : graph.outputs) out += "out " + text_of(output);
  return out;
}

Graph graph_of(const model::Model& model, const ExportOptions& options = {}) {
  return export_model(model, options).file.graph;
}

std::size_t count(const Graph& graph, std::string_view op_type) {
  return static_cast<std::size_t>(std::count_if(graph.nodes.begin(), graph.nodes.end(),
                                                [&](const Node& node) { return node.op_type == op_type; }));
}

model::Model image_model(const std::string& net, const Shape& shape) {
  return model_of({net, element_count(shape), 3, Loss::mse, 1, shape});
}

ExportOptions with(const std::string& text) { return *parse_export_options(text); }

}  // namespace

TEST_CASE("columns, network and classes become one graph") {
  CHECK(text_of(graph_of(class_model())) ==
        R"(in age: float 'batch' 1
in job: string 'batch' 1
in x: float 'batch' 1 2
IsNaN(age) -> numbers/is_missing
Sub(age, numbers/offset) -> numbers/sub
Mul(numbers/sub, numbers/scale) -> numbers/mul
Where(numbers/is_missing, numbers/fill, numbers/mul) -> numbers/where
LabelEncoder(job) -> job/label_encoder keys_strings values_int64s default_int64
Flatten(x) -> x/flatten axis
Mul(x/flatten, x/scale) -> x/mul
Equal(job/label_encoder, job/indices) -> job/equal
Cast(job/equal) -> job/one_hot to
Concat(numbers/where, job/one_hot, x/mul) -> columns/concat axis
Gemm(columns/concat, dense_0/kernel, dense_0/bias) -> dense_0/gemm
Relu(dense_0/gemm) -> dense_0/relu
Gemm(dense_0/relu, dense_1/kernel, dense_1/bias) -> dense_1/gemm
Softmax(dense_1/gemm) -> proba axis
ArgMax(proba) -> label/argmax axis keepdims
Gather(label/classes, label/argmax) -> label axis
out proba: float 'batch' 3
out label: int64 'batch'
)");
  const Model file = export_model(class_model(), {}).file;
  CHECK(file.ir_version == 7);
  CHECK(file.opset() == 13);
  CHECK(file.opset("ai.onnx.ml") == 2);
  CHECK(file.metadata.at("nn.classes") == R"(["-1","2","10"])");
}

TEST_CASE("what is exported with --numeric needs no operators but ONNX's own, and no texts") {
  model::Model model = class_model();
  model.target.integers = false;
  model.target.classes = {"a", "b", "c"};
  const Model file = export_model(model, with("numeric")).file;
  CHECK(file.opsets.size() == 1);
  for (const ValueInfo& value : file.graph.inputs) CHECK(value.type != DataType::string);
  CHECK(file.graph.outputs[1].type == DataType::int64);
  CHECK(count(file.graph, "LabelEncoder") == 0);
  CHECK(file.metadata.at("nn.categories.job").find("clerk") != std::string::npos);
  CHECK(graph_of(model).outputs[1].type == DataType::string);
}

TEST_CASE("images change their order once at most") {
  struct Case {
    const char* net;
    Shape shape;
    const char* options;
    std::size_t transposes;
  };
  for (const Case& c :
       {Case{"conv2d 4 3x3 relu, max_pool2d 2, conv2d 2 1x1, flatten, dense", {6, 7, 2}, "", 1},
        {"conv2d 4 3x3 relu, max_pool2d 2, conv2d 2 1x1, flatten, dense", {6, 7, 2}, "layout=nchw", 0},
        {"conv2d 4 3x3, dense", {6, 7}, "", 0},
        {"conv2d 4 3x3, dense", {6, 7, 1}, "", 0},
        {"dense 4 relu, dense", {6, 7, 3}, "", 0},
        {"batch_norm, layer_norm, conv2d 2 2x2, global_average_pool2d, dense", {6, 7, 3}, "", 1},
        {"residual(conv2d 3 3x3 same; conv2d 3 1x1), dense", {6, 7, 3}, "", 1},
        {"residual(conv2d 3 3x3 same), batch_norm, dense", {6, 7, 3}, "", 1}}) {
    INFO(c.net << " " << c.options);
    CHECK(count(graph_of(image_model(c.net, c.shape), with(c.options)), "Transpose") == c.transposes);
  }
}

TEST_CASE("behind images that were flattened, rows of weights change their order") {
  const Graph graph = graph_of(image_model("conv2d 2 1x1, flatten, dense", {1, 2, 2}));
  // The kernel has 3 outputs for (pixel 0, channel 0), (0, 1), (1, 0), (1, 1).
  const std::vector<float> kernel = floats_of(*graph.initializer("dense_0/kernel"));
  const model::Model model = image_model("conv2d 2 1x1, flatten, dense", {1, 2, 2});
  const Plan plan = lower(model.network, model.loss);
  const float* own = model.parameters.get() + plan.parameters[2].offset;
  const std::size_t rows[] = {0, 2, 1, 3};
  for (std::size_t i = 0; i < 4; ++i) {
    for (std::size_t j = 0; j < 3; ++j) CHECK(kernel[i * 3 + j] == own[rows[i] * 3 + j]);
  }
  const Tensor& conv = *graph.initializer("conv2d_0/kernel");
  CHECK(conv.dims == std::vector<std::int64_t>{2, 2, 1, 1});
  CHECK(floats_of(conv) == std::vector<float>{0.125f, 0.375f, 0.25f, 0.5f});
}

TEST_CASE("every layer becomes operators of every version") {
  for (const Case& c : all_cases()) {
    const model::Model model = model_of(c);
    for (const char* options : {"", "opset=13", "opset=17", "opset=20", "numeric"}) {
      INFO(c.net << " " << options);
      const Exported exported = export_model(model, with(options));
      const std::string bytes = model_bytes(exported.file);
      CHECK(bytes == model_bytes(export_model(model, with(options)).file));
      // It is a graph by the rules that files are read by.
      const Model read = parse_model(std::as_bytes(std::span(bytes)));
      CHECK(read.graph.nodes.size() == exported.file.graph.nodes.size());
      CHECK(count(read.graph, "Dropout") == 0);
      CHECK(exported.weights.size() >= lower(model.network, model.loss).parameters.size());
    }
  }
}

TEST_CASE("the version of operators is the lowest that does") {
  const auto versions = [](const std::string& net, const ExportOptions& options) {
    const Model file = export_model(model_of({net, 4, 2, Loss::mse, 1}), options).file;
    return std::pair(file.opset(), file.ir_version);
  };
  CHECK(versions("dense 3 gelu, dense", {}) == std::pair<std::int64_t, std::int64_t>(13, 7));
  CHECK(versions("dense 3, layer_norm, dense", {}) == std::pair<std::int64_t, std::int64_t>(17, 8));
  CHECK(versions("dense 3, layer_norm, dense", with("opset=13")) ==
        std::pair<std::int64_t, std::int64_t>(13, 7));
  CHECK(versions("dense", with("opset=20")) == std::pair<std::int64_t, std::int64_t>(20, 9));
  CHECK(export_model(image_model("layer_norm, dense", {4, 4, 2}), {}).file.opset() == 13);
}

TEST_CASE("answers come in the table's unit, by the loss") {
  const auto answers = [](Loss loss, std::vector<double> quantiles, std::vector<double> scale) {
    model::Model model = model_of({"dense", 3, 1, Loss::mse, 1});
    model.loss = loss;
    model.target.shape = {};
    model.target.answers = {model::answers_kind_of(loss), std::move(quantiles)};
    model.target.scale = scale;
    model.target.offset = std::vector<double>(scale.size(), 5);
    model.network = parse_network("dense");
    resolve(model.network, {3}, model::outputs_for(model.target, loss));
    fill_parameters(model);
    const Graph graph = graph_of(model);
    std::string ops;
    for (std::size_t i = 1; i < graph.nodes.size(); ++i) ops += graph.nodes[i].op_type + " ";
    return ops + text_of(graph.outputs[0]);
  };
  CHECK(answers(Loss::mse, {}, {}) == "Identity value: float 'batch' 1\n");
  CHECK(answers(Loss::huber, {}, {2}) == "Div Add value: float 'batch' 1\n");
  CHECK(answers(Loss::pinball, {0.5}, {}) == "Identity value: float 'batch' 1\n");
  CHECK(answers(Loss::pinball, {0.1, 0.5, 0.9}, {2}) == "Div Add TopK value: float 'batch' 3\n");
  CHECK(answers(Loss::gaussian, {}, {}) == "Slice Slice Max Mul Exp Concat value: float 'batch' 2\n");
  CHECK(answers(Loss::gaussian, {}, {-2}) ==
        "Slice Slice Max Mul Exp Div Add Div Concat value: float 'batch' 2\n");
  model::Model tensor = model_of({"dense", 3, 6, Loss::mse, 1});
  tensor.target.shape = {2, 3};
  CHECK(text_of(graph_of(tensor).outputs[0]) == "value: float 'batch' 2 3\n");
}

TEST_CASE("options that mean nothing to a model are refused") {
  struct Case {
    const char* options;
    model::Model model;
    const char* message;
  };
  const model::Model image = image_model("conv2d 2 1x1, dense", {4, 4, 2});
  const model::Model categories = model_of({"embedding 2, dense", 3, 2, Loss::mse, 1, {}, {{3, true}}});
  for (const Case& c : {Case{"layout=nhwc", class_model(), "takes no images"},
                        {"layout=nchw", model_of({"dense", 4, 2, Loss::mse, 1}), "takes no images"},
                        {"input=uint8", class_model(), "no tensor of bytes"},
                        {"input=matrix", class_model(), "not all numbers"},
                        {"input=matrix", image, "not all numbers"},
                        {"input=double", categories, "takes no numbers"}}) {
    INFO(c.options);
    CHECK_THROWS_WITH(export_model(c.model, with(c.options)), Contains(c.message));
  }
  CHECK(export_model(image, with("input=uint8 layout=nchw")).file.graph.inputs[0].type == DataType::uint8);
  CHECK(export_model(image, with("input=double")).file.graph.inputs[0].type == DataType::float64);
}

TEST_CASE("columns that lose digits, and those that are called like outputs, are told of") {
  const auto warnings = [](model::InputColumn column, const char* options) {
    model::Model model = model_of({"dense", 1, 2, Loss::mse, 1});
    model.encoder = model::Encoder({std::move(column)});
    std::vector<std::string> found;
    export_model(model, with(options), &found);
    return joined(found);
  };
  const auto number = [](const char* name, double offset, double scale) {
    return model::InputColumn{name, model::InputColumn::Kind::number, {}, {offset}, {offset}, {scale}, {}};
  };
  CHECK(warnings(number("time", 1.7e9, 1e-3), "") ==
        "'time' is so far from 0 for what varies that float32 loses digits; --input double keeps them");
  CHECK_THAT(warnings(number("time", 1.7e9, 1e-3), "input=matrix"), Contains("loses digits"));
  CHECK(warnings(number("time", 1.7e9, 1e-3), "input=double").empty());
  CHECK(warnings(number("time", 1.7e9, 1e-6), "").empty());
  CHECK(warnings(number("value", 0, 1), "") ==
        "a column is called 'value', so the output value is called 'value_1'");
}

TEST_CASE("export options are read as they are written") {
  for (const char* text :
       {"", "opset=15", "numeric", "opset=13 numeric layout=nchw input=uint8", "input=double"})
    CHECK(export_options_text(with(text)) == text);
  for (const char* text : {"opset=12", "opset=21", "opset=x", "layout=x", "input=", "numeric=1", "x", "  "})
    CHECK(!parse_export_options(text));
}
