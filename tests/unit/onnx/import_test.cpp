#include "base/error.hpp"
#include "catch.hpp"
#include "onnx/graph_builder.hpp"
#include "onnx/import_graph.hpp"

using namespace nn;
using namespace nn::onnx;
using Catch::Matchers::Contains;

namespace {

// A graph of one input `x`, [batch, …], whose last value is the output.
struct Net {
  GraphBuilder graph{"g", 17};
  std::vector<std::int64_t> rows;

  explicit Net(std::vector<std::int64_t> row) : rows(std::move(row)) {
    graph.add_input("x", DataType::float32, rows);
  }

  std::string weights(std::vector<std::int64_t> dims, float first = 0.25f) {
    std::int64_t count = 1;
    for (const std::int64_t dim : dims) count *= dim;
    std::vector<float> values(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = first + 0.01f * static_cast<float>(i % 7);
    return graph.constant(make_tensor("w", std::move(dims), std::span<const float>(values)));
  }
  std::string number(float value) { return graph.constant("c", value); }
  std::string add(const char* op, std::vector<std::string> inputs, std::vector<Attribute> attributes = {}) {
    return graph.add(op, op, std::move(inputs), std::move(attributes));
  }
  std::string dense(const std::string& input, std::int64_t inputs, std::int64_t outputs) {
    return add("Gemm", {input, weights({inputs, outputs}), weights({outputs})});
  }
  std::string conv(const std::string& input, std::int64_t inputs, std::int64_t outputs, std::int64_t size,
                   std::vector<Attribute> attributes = {}) {
    return add("Conv", {input, weights({outputs, inputs, size, size}), weights({outputs})},
               std::move(attributes));
  }
  Model finish(const std::string& output, std::int64_t values) {
    graph.add_output(output, DataType::float32, {values});
    Model model;
    model.ir_version = 8;
    model.opsets[""] = 17;
    model.graph = graph.take();
    return model;
  }
};

model::Model imported(const Model& file, const ImportOptions& options = {}) {
  return import_graph(file, options);
}
std::string network_of(const Model& file) { return to_string(imported(file).network); }
std::string refusal_of(const Model& file) {
  try {
    return "imported as " + network_of(file);
  } catch (const Error& error) {
    return error.what();
  }
}

using Ints = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("however it is written, an activation is known by what it computes") {
  using Write = std::function<std::string(Net&, const std::string&)>;
  const auto binary = [](const char* op) {
    return [op](Net& n, const std::string& a, const std::string& b) { return n.add(op, {a, b}); };
  };
  const auto mul = binary("Mul"), add = binary("Add"), div = binary("Div");
  const std::vector<std::pair<std::string, Write>> forms{
      {"relu", [](Net& n, const std::string& x) { return n.add("Relu", {x}); }},
      {"relu",
       [](Net& n, const std::string& x) {
         return n.add("Clip", {x, n.number(0)});
       }},
      {"relu6",
       [](Net& n, const std::string& x) {
         return n.add("Clip", {x, n.number(0), n.number(6)});
       }},
      {"leaky_relu 0.01", [](Net& n, const std::string& x) { return n.add("LeakyRelu", {x}); }},
      {"leaky_relu 0.125",
       [](Net& n, const std::string& x) {
         return n.add("PRelu", {x, n.number(0.125f)});
       }},
      {"elu 0.5", [](Net& n, const std::string& x) { return n.add("Elu", {x}, {attribute("alpha", 0.5f)}); }},
      {"silu", [&](Net& n, const std::string& x) { return mul(n, n.add("Sigmoid", {x}), x); }},
      {"mish",
       [&](Net& n, const std::string& x) { return mul(n, x, n.add("Tanh", {n.add("Softplus", {x})})); }},
      {"hard_swish",
       [&](Net& n, const std::string& x) {
         const std::string six = n.add("Clip", {add(n, x, n.number(3)), n.number(0), n.number(6)});
         return div(n, mul(n, x, six), n.number(6));
       }},
      {"gelu",
       [&](Net& n, const std::string& x) {
         const std::string erf = n.add("Erf", {div(n, x, n.number(1.41421356f))});
         return mul(n, mul(n, x, add(n, erf, n.number(1))), n.number(0.5f));
       }},
      {"gelu",
       [&](Net& n, const std::string& x) {
         const std::string erf = n.add("Erf", {mul(n, n.number(0.70710678f), x)});
         return mul(n, mul(n, n.number(0.5f), x), add(n, n.number(1), erf));
       }},
      {"softplus",
       [&](Net& n, const std::string& x) { return n.add("Log", {add(n, n.number(1), n.add("Exp", {x}))}); }},
      {"tanh",
       [&](Net& n, const std::string& x) {
         const std::string sigmoid = n.add("Sigmoid", {mul(n, x, n.number(2))});
         return n.add("Sub", {mul(n, n.number(2), sigmoid), n.number(1)});
       }},
  };
  for (const auto& [name, write] : forms) {
    if (name == "softplus") continue;  // beyond 88 the file's own way is infinite
    Net n({3});
    const std::string hidden = write(n, n.dense("x", 3, 4));
    INFO(name);
    CHECK(network_of(n.finish(n.dense(hidden, 4, 2), 2)) == "dense 4 " + name + ", dense 2");
  }
}

TEST_CASE("images are followed through every change of their shape") {
  Net n({3, 8, 10});  // channels first
  std::string x =
      n.conv("x", 3, 4, 3, {attribute("pads", Ints{1, 1, 1, 1}), attribute("strides", Ints{2, 2})});
  x = n.add("Relu", {x});
  x = n.add("MaxPool", {x}, {attribute("kernel_shape", Ints{2, 2}), attribute("strides", Ints{2, 2})});
  SECTION("flattened as it is") { x = n.add("Flatten", {x}); }
  SECTION("by its own shape") {
    const std::string shape = n.add("Shape", {x});
    const std::string rows = n.add("Gather", {shape, n.graph.constant("at", Ints{0})});
    x = n.add("Reshape", {x, n.add("Concat", {rows, n.graph.constant("rest", Ints{-1})},
                                   {attribute("axis", std::int64_t{0})})});
  }
  SECTION("turned around") {
    x = n.add("Transpose", {x}, {attribute("perm", Ints{0, 2, 3, 1})});
    x = n.add("Reshape", {x, n.graph.constant("shape", Ints{-1, 16})});
  }
  const Model file = n.finish(n.dense(x, 16, 5), 5);
  const model::Model model = imported(file);
  CHECK(to_string(model.network) == "conv2d 4 3x3 strides 2 pad 1 relu, max_pool2d 2, dense 5");
  CHECK(model.network.input == Shape{8, 10, 3});
}

TEST_CASE("two ways from one value are a block") {
  Net n({4, 6, 6});
  const auto same = attribute("pads", Ints{1, 1, 1, 1});
  SECTION("that is added") {
    std::string main = n.conv("x", 4, 4, 3, {same});
    main = n.conv(n.add("Relu", {main}), 4, 4, 3, {same});
    const std::string sum = n.add("Relu", {n.add("Add", {"x", main})});
    const std::string pooled = n.add("Flatten", {n.add("GlobalAveragePool", {sum})});
    CHECK(network_of(n.finish(n.dense(pooled, 4, 2), 2)) ==
          "residual(conv2d 4 3x3 same relu, conv2d 4 3x3 same), activation relu, global_average_pool2d, "
          "dense 2");
  }
  SECTION("that is joined") {
    const std::string joined = n.add("Concat", {n.conv("x", 4, 3, 1), n.conv("x", 4, 2, 3, {same}), "x"},
                                     {attribute("axis", std::int64_t{1})});
    const std::string pooled = n.add("Flatten", {n.add("GlobalMaxPool", {joined})});
    CHECK(network_of(n.finish(n.dense(pooled, 9, 2), 2)) ==
          "concat(conv2d 3 1x1; conv2d 2 3x3 same; ), global_max_pool2d, dense 2");
  }
}

TEST_CASE("what stands at the ends is preprocessing and loss") {
  Net n({3});
  const std::string scaled = n.add("Div", {n.add("Sub", {"x", n.weights({3}, 1)}), n.number(4)});
  const std::string logits = n.dense(scaled, 3, 2);
  SECTION("probabilities") {
    const model::Model model =
        imported(n.finish(n.add("Softmax", {logits}, {attribute("axis", std::int64_t{1})}), 2));
    CHECK(model.loss == Loss::categorical_crossentropy);
    CHECK(model.target.classes == std::vector<std::string>{"0", "1"});
    REQUIRE(model.encoder.columns().size() == 3);
    CHECK(model.encoder.columns()[1].offset[0] == Approx(1.01));
    CHECK(model.encoder.columns()[1].scale[0] == Approx(0.25));
    CHECK(to_string(model.network) == "dense 2");
  }
  SECTION("classes in another order change places, with their weights") {
    ImportOptions options;
    options.classes = {"yes", "no"};
    const Model file = n.finish(n.add("Softmax", {logits}, {attribute("axis", std::int64_t{1})}), 2);
    const model::Model model = imported(file, options), plain = imported(file);
    CHECK(model.target.classes == std::vector<std::string>{"no", "yes"});
    for (int i = 0; i < 6; ++i) CHECK(model.parameters.get()[i] == plain.parameters.get()[i ^ 1]);
  }
  SECTION("numbers") {
    const model::Model model = imported(n.finish(logits, 2));
    CHECK(model.loss == Loss::mse);
    CHECK(model.target.shape == Shape{2});
  }
}

TEST_CASE("what no network here computes is refused by its node") {
  const auto image = [](auto&& write) {
    Net n({2, 6, 6});
    const std::string last = write(n);
    return n.finish(n.dense(n.add("Flatten", {last}), 72, 2), 2);
  };
  const std::vector<std::pair<Model, std::string>> files = [&] {
    std::vector<std::pair<Model, std::string>> out;
    out.emplace_back(image([](Net& n) { return n.add("LRN", {"x"}, {attribute("size", std::int64_t{3})}); }),
                     "(LRN): nothing here computes it");
    out.emplace_back(image([](Net& n) {
                       return n.add("Mul", {"x", n.conv("x", 2, 2, 1)});
                     }),
                     "(Mul): two values of rows");
    out.emplace_back(image([](Net& n) {
                       const std::string gate = n.add("Sigmoid", {n.add("GlobalAveragePool", {"x"})});
                       return n.add("Mul", {"x", gate});
                     }),
                     "(Mul): values of rows of different shapes");
    out.emplace_back(image([](Net& n) {
                       return n.add("Clip", {"x", n.number(-1), n.number(1)});
                     }),
                     "(Clip): nothing here computes it");
    out.emplace_back(image([](Net& n) {
                       return n.add(
                           "AveragePool", {"x"},
                           {attribute("kernel_shape", Ints{3, 3}), attribute("pads", Ints{1, 1, 1, 1}),
                            attribute("count_include_pad", std::int64_t{1})});
                     }),
                     "(AveragePool): it counts the zeros of its padding");
    out.emplace_back(image([](Net& n) {  // a norm that two branches would have each for itself
                       const std::string one = n.weights({2});
                       const std::string norm = n.add("BatchNormalization", {"x", one, one, one, one});
                       const std::string first = n.conv(norm, 2, 1, 1), second = n.conv(norm, 2, 1, 1);
                       return n.add("Add", {"x", n.add("Concat",
                                                       {
                                                           first,
                                                           second,
                                                       },
                                                       {attribute("axis", std::int64_t{1})})});
                     }),
                     "imported as ");
    out.emplace_back(image([](Net& n) {
                       const std::string one = n.weights({2});
                       const std::string norm = n.add("BatchNormalization", {"x", one, one, one, one});
                       return n.add("Sum", {"x", n.conv(norm, 2, 2, 1), n.conv(norm, 2, 2, 1)});
                     }),
                     "(BatchNormalization): two ways that don't come together");
    out.emplace_back(image([](Net& n) {
                       return n.add("Reshape", {"x", n.graph.constant("s", Ints{36, -1, 2})});
                     }),
                     "(Reshape): its shape mixes rows");
    out.emplace_back(image([](Net& n) {
                       const std::string all =
                           n.add("ConstantOfShape", {n.graph.constant("s", Ints{1 << 30, 1 << 30, 4})});
                       return n.add("Add", {"x", all});
                     }),
                     "(ConstantOfShape): what it makes of constants");
    return out;
  }();
  for (const auto& [file, why] : files) CHECK_THAT(refusal_of(file), Contains(why));
}

TEST_CASE("how wide a row is costs an activation nothing") {
  Net n({2'000'000'000});
  const model::Model model =
      imported(n.finish(n.add("Sigmoid", {n.add("Mul", {"x", n.number(2)})}), 2'000'000'000));
  CHECK(to_string(model.network) == "activation sigmoid");
  REQUIRE(model.encoder.columns().size() == 1);
  CHECK(model.encoder.columns()[0].scale == std::vector<double>{2});
}
