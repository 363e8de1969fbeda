// The lowering: operations, shapes, places and parameters.
#include "nn/plan.hpp"

#include "base/error.hpp"
#include "catch.hpp"
#include "nn/initialise.hpp"

using namespace nn;

namespace {

Plan plan_of(const char* text, Shape input, std::int64_t outputs, std::vector<InputSegment> segments = {}) {
  Network network = parse_network(text);
  resolve(network, std::move(input), outputs, std::move(segments));
  return lower(network, Loss::categorical_crossentropy);
}

std::string names_of(const Plan& plan) {
  std::string names;
  for (const Parameter& p : plan.parameters) names += p.name + to_string(p.shape) + " ";
  return names;
}

}  // namespace

TEST_CASE("windows have Keras' sizes") {
  struct Row {
    const char* layer;
    Shape input;
    Image out;
    std::int64_t top, left;
  };
  for (const Row& row : {
           Row{"conv2d 5 3x3", {8, 9, 2}, {6, 7, 5}, 0, 0},
           Row{"conv2d 5 3x3 same", {8, 9, 2}, {8, 9, 5}, 1, 1},
           Row{"conv2d 5 4x4 same", {8, 9, 2}, {8, 9, 5}, 1, 1},
           Row{"conv2d 5 3x3 strides 2", {8, 9, 2}, {3, 4, 5}, 0, 0},
           Row{"conv2d 5 3x3 strides 2 same", {8, 9, 2}, {4, 5, 5}, 0, 1},
           Row{"conv2d 5 1x1 strides 3 same", {8, 9, 2}, {3, 3, 5}, 0, 0},
           Row{"conv2d 5 3x3", {8, 9}, {6, 7, 5}, 0, 0},
           Row{"conv2d 5 3x3 pad 1", {8, 9, 2}, {8, 9, 5}, 1, 1},
           Row{"conv2d 5 3x3 strides 2 pad 1", {8, 9, 2}, {4, 5, 5}, 1, 1},
           Row{"conv2d 5 7x7 strides 2 pad 3", {8, 9, 2}, {4, 5, 5}, 3, 3},
           Row{"conv2d 5 3x3 pad 1x2", {8, 9, 2}, {8, 11, 5}, 1, 2},
           Row{"conv2d 5 3x3 pad 0:1x2:0", {8, 9, 2}, {7, 9, 5}, 0, 2},
           Row{"conv2d 5 3x3 dilation 2", {8, 9, 2}, {4, 5, 5}, 0, 0},
           Row{"conv2d 5 3x2 dilation 3x4 same", {8, 9, 2}, {8, 9, 5}, 3, 2},
           Row{"conv2d 5 3x3 dilation 2 pad 2 strides 2", {8, 9, 2}, {4, 5, 5}, 2, 2},
           Row{"max_pool2d 3 strides 2 pad 1", {8, 9, 2}, {4, 5, 2}, 1, 1},
           Row{"max_pool2d 2", {8, 9, 2}, {4, 4, 2}, 0, 0},
           Row{"max_pool2d 2 same", {8, 9, 2}, {4, 5, 2}, 0, 0},
           Row{"average_pool2d 3 strides 1 same", {8, 9, 2}, {8, 9, 2}, 1, 1},
           Row{"global_average_pool2d", {8, 9, 2}, {1, 1, 2}, 0, 0},
           Row{"global_max_pool2d", {8, 9, 2}, {1, 1, 2}, 0, 0},
       }) {
    INFO(row.layer);
    const Plan plan = plan_of((std::string(row.layer) + ", dense").c_str(), row.input, 3);
    CHECK(plan.ops[0].out == row.out);
    CHECK(plan.ops[0].window.top == row.top);
    CHECK(plan.ops[0].window.left == row.left);
  }
}

TEST_CASE("a window that sees nothing of the image is refused") {
  for (const char* layer : {"conv2d 3 2x2 pad 1 dilation 3", "conv2d 3 2x2 same dilation 3",
                            "conv2d 3 1x2 pad 0x2 dilation 1x3"}) {
    INFO(layer);
    CHECK_THROWS_WITH(plan_of((std::string(layer) + ", dense").c_str(), {2, 2, 3}, 3),
                      Catch::Contains("layer conv2d_0: with dilation") &&
                          Catch::Contains("some of its windows see nothing of its input, images [2, 2, 3]"));
  }
  CHECK_NOTHROW(plan_of("conv2d 3 3x3 pad 36 dilation 36, dense", {2, 2, 3}, 3));
}

TEST_CASE("values and parameters don't overlap and are aligned") {
  const Plan plan = plan_of(
      "conv2d 5 3x3 relu, batch_norm, residual(conv2d 5 3x3 same), max_pool2d 2, dense 7, layer_norm, dense",
      {9, 8, 3}, 3);
  std::int64_t end = 0;
  for (std::size_t v = 1; v < plan.values.size(); ++v) {
    const Value& value = plan.values[v];
    CHECK(value.offset == end);
    CHECK(value.offset % 16 == 0);
    CHECK(value.stride >= value.size);
    end = value.offset + (value.stride + 15) / 16 * 16;
  }
  CHECK(plan.values_per_row == end);
  end = 0;
  for (const Parameter& p : plan.parameters) {
    CHECK(p.offset == end);
    end += (p.size() + 15) / 16 * 16;
  }
  CHECK(plan.parameter_count == end);
  for (const Op& op : plan.ops) {
    CHECK(op.input < op.output);
    for (const int other : op.others) CHECK(other < op.output);
  }
  CHECK(
      names_of(plan) ==
      "conv2d_0/kernel[3,3,3,5] conv2d_0/bias[5] batch_norm_0/gamma[5] batch_norm_0/beta[5] "
      "batch_norm_0/moving_mean[5] batch_norm_0/moving_variance[5] conv2d_1/kernel[3,3,5,5] conv2d_1/bias[5] "
      "dense_0/kernel[45,7] dense_0/bias[7] layer_norm_0/gamma[7] layer_norm_0/beta[7] dense_1/kernel[7,3] "
      "dense_1/bias[3] ");
}

TEST_CASE("the work of a row is counted") {
  CHECK(operations_per_row(plan_of("dense 5, dense", {7}, 3)) == 2 * (7 * 5 + 5 * 3));
  CHECK(operations_per_row(plan_of("conv2d 6 3x2 groups 2, dense", {5, 5, 4}, 3)) ==
        2 * (3 * 2 * 2 * 6 * 12 + 6 * 12 * 3));
}

TEST_CASE("what does nothing costs nothing") {
  CHECK(plan_of("flatten, dropout 0, activation linear, dense", {4}, 2).ops.size() == 1);
}

TEST_CASE("branches are joined channel by channel, in their order") {
  const Plan plan = plan_of("concat(conv2d 3 1x1; max_pool2d 3 strides 1 same; ), dense", {4, 5, 2}, 3);
  REQUIRE(plan.ops.size() == 4);
  const Op& op = plan.ops[2];
  CHECK(op.kind == OpKind::concat);
  CHECK(op.out == Image{4, 5, 7});
  CHECK(op.input == 1);
  CHECK(op.others == std::vector{2, 0});
  CHECK(plan_of("concat(flatten; dense 3), dense", {4, 5, 2}, 3).ops[1].out == Image{1, 1, 43});
  CHECK_THROWS_WITH(plan_of("concat(flatten; ), dense", {4, 5, 2}, 3),
                    Catch::Contains("the branches of concat_0 make 40 numbers and images [4, 5, 2]"));
  CHECK_THROWS_WITH(plan_of("concat(dense 3; dense 4), conv2d 2 1x1, dense", {4}, 3),
                    Catch::Contains("conv2d takes images"));
}

TEST_CASE("an embedding makes numbers of categories and leaves numbers alone") {
  const Plan plan = plan_of("embedding 4, dense", {9}, 2, {{2, false}, {3, true}, {4, true}});
  CHECK(plan.ops[0].out.size() == 2 + 4 + 4);
  CHECK(plan.parameters[0].shape == Shape{7, 4});
}

TEST_CASE("initial weights have the variance and the shape that their initializer says") {
  constexpr double inputs = 300, units = 200;
  struct Row {
    KernelInitializer kind;
    double variance;
    bool uniform;
  };
  using Kind = KernelInitializer;
  for (const Row& row :
       {Row{Kind::glorot_uniform, 2 / (inputs + units), true},
        Row{Kind::glorot_normal, 2 / (inputs + units), false}, Row{Kind::he_uniform, 2 / inputs, true},
        Row{Kind::he_normal, 2 / inputs, false}, Row{Kind::lecun_uniform, 1 / inputs, true},
        Row{Kind::lecun_normal, 1 / inputs, false}}) {
    INFO(enum_names(row.kind).name_of(row.kind));
    const Plan plan = plan_of("dense 200, batch_norm, activation relu, dense", {300}, 2);
    std::vector<float> values(static_cast<std::size_t>(plan.parameter_count), -1);
    initialise(plan, 5, values, row.kind);
    double sum = 0, squares = 0, largest = 0;
    const auto count = static_cast<std::size_t>(plan.parameters[0].size());
    for (std::size_t i = 0; i < count; ++i) {
      sum += static_cast<double>(values[i]);
      squares += static_cast<double>(values[i]) * static_cast<double>(values[i]);
      largest = std::max(largest, std::abs(static_cast<double>(values[i])));
    }
    CHECK((largest <= std::sqrt(3 * row.variance) * (1 + 1e-6)) == row.uniform);
    CHECK(std::abs(sum / static_cast<double>(count)) < 0.001);
    CHECK(squares / static_cast<double>(count) == Approx(row.variance).epsilon(0.03));
    CHECK(values[static_cast<std::size_t>(plan.parameters[1].offset)] == 0);
    for (const Parameter& p : plan.parameters) {
      if (p.name == "batch_norm_0/gamma") CHECK(values[static_cast<std::size_t>(p.offset)] == 1);
    }
    std::vector<float> again(values.size());
    initialise(plan, 5, again, row.kind);
    CHECK(again == values);
    initialise(plan, 6, again, row.kind);
    CHECK(again != values);
  }
}

TEST_CASE("sizes beyond any memory are refused, not computed") {
  CHECK_THROWS_WITH(plan_of("global_max_pool2d, dense", {4096, 4097}, 2),
                    Catch::Contains("16777216 is the most"));
  CHECK_THROWS_WITH(plan_of("conv2d 1048576 1x1, dense", {4096, 4096, 3}, 2), Catch::Contains("too large"));
  CHECK_THROWS_WITH(plan_of("dense 1048576, dense 1048576, dense", {4}, 2),
                    Catch::Contains("too many weights"));
}

TEST_CASE("what is frozen asks for no gradients that nobody needs") {
  const auto wanted = [](std::vector<std::string> layers) {
    Plan plan = plan_of("conv2d 4 3x3, batch_norm, dense 5, residual(dense 5), dense", {6, 6, 1}, 3);
    freeze(plan, layers);
    std::string marks;
    for (const bool value : values_with_gradient(plan)) marks += value ? 'g' : '.';
    return marks;
  };
  CHECK(wanted({}) == ".gggggg");
  CHECK(wanted({"conv2d_0"}) == "..ggggg");
  CHECK(wanted({"batch_norm_0"}) == ".gggggg");
  CHECK(wanted({"conv2d_0", "batch_norm_0"}) == "...gggg");
  CHECK(wanted({"conv2d_0", "batch_norm_0", "dense_0", "dense_1"}) == "......g");
}

TEST_CASE("parameters that may change lie between the frozen ones") {
  Plan plan = plan_of("dense 4, batch_norm, dense 5, dense", {3}, 2);
  const auto ranges = [&] {
    std::string text;
    for (const ParameterRange& range : changing_parameters(plan))
      text += std::to_string(range.first) + "+" + std::to_string(range.count) + " ";
    return text;
  };
  CHECK(layers_with_parameters(plan) ==
        std::vector<std::string>{"dense_0", "batch_norm_0", "dense_1", "dense_2"});
  CHECK(ranges() == "0+" + std::to_string(plan.parameter_count) + " ");
  const auto first_of = [&](std::string_view layer) {
    for (const Parameter& p : plan.parameters) {
      if (layer_of(p) == layer) return p.offset;
    }
    return std::int64_t{-1};
  };
  const std::int64_t dense = first_of("dense_1"), last = first_of("dense_2");
  freeze(plan, std::vector<std::string>{"dense_0", "batch_norm_0"});
  CHECK(ranges() == std::to_string(dense) + "+" + std::to_string(plan.parameter_count - dense) + " ");
  freeze(plan, std::vector<std::string>{"dense_2"});
  CHECK(ranges() == std::to_string(dense) + "+" + std::to_string(last - dense) + " ");
  for (const Parameter& p : plan.parameters) {
    INFO(p.name);
    CHECK(p.trains == (layer_of(p) == "dense_1"));
    CHECK(p.decays == (p.name == "dense_1/kernel"));
  }
}
