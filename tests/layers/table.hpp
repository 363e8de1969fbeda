// The one table of layers: networks that have each, for the checks of texts, files, gradients, threads,
// precisions and devices, and what each operation computes. A kind that has no row doesn't compile.
#pragma once

#include <algorithm>
#include <iterator>

#include "layers/case.hpp"
#include "layers/reference.hpp"
#include "nn/kind_table.hpp"

namespace nn::test {

struct OperationRow {
  OpKind kind;
  Doubles (&reference)(const Given&);  // its output for one row, in prediction
};

struct LayerRow {
  LayerKind kind;
  // In reports of differences, where those of several rows may be put together; empty: by the loss.
  std::string_view group;
  // Each has the layer. Together they say all of its options, and it stands at all places where it can be.
  std::vector<Case> (&cases)();
};

constexpr auto softmax = Loss::categorical_crossentropy;

// A network over images.
inline Case over_images(std::string net, const Shape& shape, std::int64_t rows = 4) {
  return {std::move(net), element_count(shape), 3, softmax, rows, shape};
}

inline std::vector<Case> activation_cases() {
  std::vector<Case> cases;
  for (const std::string_view activation : enum_names(Activation{}).list()) {
    const std::string name(activation);
    cases.push_back({"dense 20, activation " + name + ", dense 9 " + name + ", dense", 11, 2, Loss::mse, 9});
    cases.push_back({"activation " + name + ", dense " + name, 13, 4, Loss::huber, 5});
  }
  cases.push_back(
      {"dense 9, activation leaky_relu 0.01, dense 9, activation elu 0.5, dense 8, activation leaky_relu 2, "
       "dense leaky_relu 0",
       11, 2, Loss::mse, 9});
  return cases;
}

// With each activation and loss, and with shapes around the edges of vectors, tiles and blocks.
inline std::vector<Case> dense_cases() {
  std::vector<Case> cases;
  for (const std::string_view activation : enum_names(Activation{}).list())
    cases.push_back({"dense 7 " + std::string(activation) + ", dense", 5, 3, softmax, 6});
  cases.push_back(
      {"dense 7 leaky_relu 0.01, dense 9 elu 0.5, dense 8 leaky_relu 0.125, dense", 5, 3, softmax, 6});
  for (const Loss loss : {softmax, Loss::mse, Loss::mae, Loss::huber}) {
    for (const std::int64_t outputs : {1, 2, 8, 17}) {
      cases.push_back({"dense 6 tanh, dense", 4, outputs, loss, 7});
    }
  }
  for (const std::int64_t quantiles : {1, 3, 17})
    cases.push_back({"dense 6 tanh, dense", 4, quantiles, Loss::pinball, 7});
  for (const std::int64_t rows : {1, 7, 21})
    cases.push_back({"dense 6 tanh, dense", 4, 2, Loss::gaussian, rows});
  for (const std::int64_t rows : {1, 3, 8, 21})
    cases.push_back({"dense 5 tanh, dense", 3, 1, Loss::binary_crossentropy, rows});
  cases.push_back({"dense", 6, 3, softmax, 4});
  for (const std::int64_t width : {1, 4, 15, 16, 17, 32, 33, 48, 65})
    cases.push_back({"dense " + std::to_string(width) + " tanh, dense", 17, 3, softmax, 19});
  for (const std::int64_t inputs : {1, 2, 16, 31, 255, 256, 257, 600})
    cases.push_back({"dense 24 tanh, dense", inputs, 3, softmax, 18});
  for (const std::int64_t rows : {1, 2, 4, 5, 6, 7, 13, 40, 193, 300})
    cases.push_back({"dense 40 gelu, dense", 20, 5, Loss::mse, rows});
  cases.push_back({"dense 100 selu, dense 70 relu, dense", 64, 10, softmax, 65});
  return cases;
}

inline std::vector<Case> dropout_cases() {
  return {{"dropout 0.3, dense 9 elu, dropout 0.5, dense", 6, 3, softmax, 8},
          {"dense 16 tanh, dropout 0.25, activation gelu, dropout 0.1, dense 5, dense", 10, 2, Loss::mse, 12},
          {"dense 8 softplus, dense, dropout 0.2", 4, 3, softmax, 5}};
}

inline std::vector<Case> flatten_cases() {
  return {{"flatten, dense 8 relu, flatten, dense", 4, 3, softmax, 5},
          over_images("conv2d 3 6x5 tanh, flatten", {6, 5, 2}, 5)};
}

inline std::vector<Case> conv2d_cases() {
  std::vector<Case> cases;
  for (const char* activation : {"", " relu", " gelu", " tanh", " elu 0.7"})
    cases.push_back(over_images(std::string("conv2d 5 3x3") + activation + ", dense", {6, 7, 2}));
  for (const char* window : {"3x3", "3x3 same", "3x3 strides 2 pad 1", "5x4 pad 0:3x2:1",
                             "7x7 strides 2x3 pad 3", "2x2 pad 1", "6x5 pad 0x4", "2x3 strides 2",
                             "3x2 strides 2x1 same", "1x1", "1x1 strides 2", "5x4 strides 3 same", "6x5"}) {
    cases.push_back(
        over_images(std::string("conv2d 6 ") + window + " tanh, conv2d 4 2x2 same, dense", {6, 5, 3}, 5));
  }
  cases.push_back(over_images("conv2d 16 3x3 tanh, conv2d 20 1x1 tanh, dense", {9, 8}, 9));
  cases.push_back(over_images("conv2d 6 3x3 groups 3 tanh, conv2d 4 1x1 groups 2, dense", {5, 5, 6}));
  cases.push_back(over_images("conv2d 4 3x2 strides 2x1 same groups 2 gelu, dense", {8, 8, 2}));
  cases.push_back(over_images("conv2d 6 3x3 strides 2 pad 1:0x2 groups 3 silu, dense", {7, 6, 3}));
  for (const char* window :
       {"3x3 dilation 2", "3x3 same dilation 2", "2x3 dilation 3x1", "3x2 pad 4x3 dilation 2x3",
        "3x3 strides 2 pad 2 dilation 2", "2x2 strides 3 same dilation 5", "1x1 dilation 7",
        "3x3 pad 3:4x4:3 dilation 3 groups 3"}) {
    cases.push_back(over_images(
        std::string("conv2d 6 ") + window + " tanh, conv2d 4 2x2 same dilation 1x2, dense", {6, 7, 3}, 5));
  }
  // Each channel with a filter of its own.
  for (const char* window : {"3x3 same", "5x4 strides 2 pad 2", "2x3 same dilation 2"}) {
    for (const std::int64_t channels : {2, 19}) {
      const std::string count = std::to_string(channels);
      cases.push_back(over_images("conv2d " + count + " 1x1 tanh, conv2d " + count + " " + window +
                                      " groups " + count + " gelu, conv2d 3 2x2, dense",
                                  {6, 5, 2}, 7));
    }
  }
  // Windows of which one pixel lies inside the image.
  cases.push_back(over_images("conv2d 4 3x3 same tanh, conv2d 5 3x3 pad 1 dilation 2, dense", {4, 3, 2}));
  cases.push_back(over_images("conv2d 6 3x3 pad 2, conv2d 20 3x3 pad 2:1, dense", {1, 2, 3}));
  cases.push_back(over_images("conv2d 32 3x3 same relu, conv2d 17 3x3, dense", {8, 8, 16}, 7));
  cases.push_back(over_images("conv2d 8 5x5 tanh, conv2d 16 1x1, dense", {5, 5, 1}, 6));  // one pixel is left
  cases.push_back(over_images("conv2d 3 3x3, flatten, dropout 0.3, dense 6 elu, dense", {5, 5, 2}));
  return cases;
}

constexpr const char* pool_windows[] = {" 2",   " 3 strides 2 same",  " 2x3 strides 1",
                                        " 4x5", " 3 strides 2 pad 1", " 3x2 pad 2:0x0:1"};

inline std::vector<Case> pool_cases(const std::string& pool) {
  std::vector<Case> cases;
  for (const char* window : pool_windows)
    cases.push_back(over_images("conv2d 4 2x2 tanh, " + pool + window + ", dense", {6, 7, 2}));
  return cases;
}

inline std::vector<Case> max_pool2d_cases() {
  std::vector<Case> cases = pool_cases("max_pool2d");
  for (const char* window : pool_windows)
    cases.push_back(over_images(std::string("max_pool2d") + window + ", conv2d 3 1x1, dense", {6, 7, 2}));
  return cases;
}

inline std::vector<Case> average_pool2d_cases() { return pool_cases("average_pool2d"); }

inline std::vector<Case> global_average_pool2d_cases() {
  return {over_images("conv2d 7 3x3 relu, global_average_pool2d, dense 4 tanh, dense", {6, 6, 2}),
          over_images("conv2d 5 3x3 relu, conv2d 3 2x2, global_average_pool2d", {6, 6, 2})};
}

inline std::vector<Case> global_max_pool2d_cases() {
  return {over_images("conv2d 7 3x3 tanh, global_max_pool2d, dense 4 tanh, dense", {6, 5, 2}),
          over_images("conv2d 18 1x1, global_max_pool2d, dense", {1, 1, 3}),
          over_images("global_max_pool2d, dense", {5, 4}, 9)};
}

// Of vectors and of images.
inline std::vector<Case> norm_cases(const std::string& norm) {
  return {{"dense 9 tanh, " + norm + ", dense", 6, 3, softmax, 8},
          {norm + ", dense 17, " + norm + ", activation tanh, dense", 5, 2, Loss::mse, 33},
          over_images("conv2d 5 3x3, " + norm + ", activation tanh, dense", {6, 7, 2}),
          over_images(norm + ", conv2d 16 2x2 same, " + norm + ", max_pool2d 2, dense", {4, 4, 3}, 6)};
}

inline std::vector<Case> batch_norm_cases() {
  std::vector<Case> cases = norm_cases("batch_norm");
  for (Case& c : norm_cases("batch_norm momentum 0.9 epsilon 0.01")) cases.push_back(std::move(c));
  return cases;
}

inline std::vector<Case> layer_norm_cases() {
  std::vector<Case> cases = norm_cases("layer_norm");
  cases.push_back({"dense 4 tanh, layer_norm epsilon 0.01, dense", 6, 3, softmax, 8});
  return cases;
}

inline std::vector<Case> residual_cases() {
  return {{"residual(dense 6 tanh), dense", 6, 3, softmax, 5},
          {"dense 8 tanh, residual(dense 16 tanh, dense 8), dense", 6, 3, softmax, 5}};
}

inline std::vector<Case> shortcut_cases() {
  return {{"dense 8 tanh, residual(dense 9 tanh; dense 9), residual(residual(dense 9)), dense", 6, 3,
           Loss::mse, 5},
          over_images("residual(conv2d 6 3x3 strides 2 same, batch_norm; conv2d 6 1x1 strides 2), "
                      "global_average_pool2d, dense",
                      {5, 6, 2}, 5)};
}

inline std::vector<Case> add_cases() {
  return {// Where both are the same value, always or in prediction.
          {"dense 6 tanh, residual(activation linear), dense 5 tanh, residual(dropout 0.3), dense", 6, 3,
           softmax, 5},
          over_images("conv2d 4 3x3 same tanh, residual(conv2d 4 3x3 same tanh, conv2d 4 3x3 same), "
                      "activation tanh, dense",
                      {5, 4, 2})};
}

inline std::vector<Case> concat_cases() {
  return {{"concat(dense 5 tanh; dense 18 relu), dense", 6, 3, softmax, 5},
          {"dense 6 tanh, concat(; dense 7 tanh), concat(dense 3; ; dense 4 tanh), activation tanh, dense", 6,
           3, Loss::mse, 9},
          over_images("concat(conv2d 3 1x1 tanh; conv2d 4 3x3 same tanh), conv2d 5 2x2 tanh, dense",
                      {5, 6, 2}, 5)};
}

inline std::vector<Case> branch_cases() {
  return {
      over_images("conv2d 4 3x3 same tanh, concat(batch_norm, activation relu, conv2d 3 3x3 same; ), "
                  "concat(; conv2d 16 3x3 same tanh), dense",
                  {5, 4, 2}, 6),
      over_images(
          "concat(conv2d 2 1x1; conv2d 3 3x3 pad 1; max_pool2d 3 strides 1 same; ), conv2d 4 3x3, dense",
          {6, 5, 2}),
      over_images("concat(conv2d 17 3x3 tanh; conv2d 3 3x3), dense", {3, 3, 2}, 7),  // one pixel is left
      over_images("conv2d 7 2x2 tanh, concat(global_average_pool2d; global_max_pool2d), dense", {5, 4}, 6)};
}

// Blocks inside each other, inputs that come twice, and such as training alone tells apart.
inline std::vector<Case> join_cases() {
  return {
      {"concat(residual(dense 6 tanh); concat(dense 2; )), residual(concat(dense 9; dense 5 tanh)), dense", 6,
       3, softmax, 5},
      {"dense 6 tanh, concat(; ), dense 5 tanh, concat(dropout 0.3; ; dropout 0.2; dense 4), dense", 6, 3,
       softmax, 8},
      over_images(
          "conv2d 2 2x2 same tanh, residual(concat(conv2d 2 3x3 same tanh; conv2d 3 1x1), conv2d 2 1x1), "
          "dense",
          {4, 5, 3})};
}

inline std::vector<Case> embedding_cases() {
  const std::vector<InputSegment> table = {{1, false}, {3, true}, {2, false}, {5, true}};
  return {{"embedding 2, dense 6 tanh, dense", 11, 3, softmax, 9, {}, table},
          {"embedding 17, layer_norm, dense", 11, 2, Loss::mse, 9, {}, table},
          {"embedding 40, dense", 75, 2, Loss::mse, 6, {}, {{70, true}, {5, false}}}};
}

inline constexpr OperationRow operation_rows[] = {
    {OpKind::dense, reference_dense},
    {OpKind::activation, reference_same},  // which follows every operation
    {OpKind::dropout, reference_same},
    {OpKind::conv2d, reference_conv2d},
    {OpKind::max_pool2d, reference_pool},
    {OpKind::average_pool2d, reference_pool},
    {OpKind::batch_norm, reference_norm},
    {OpKind::layer_norm, reference_norm},
    {OpKind::embedding, reference_embedding},
    {OpKind::add, reference_add},
    {OpKind::concat, reference_concat},
};

inline constexpr LayerRow layer_rows[] = {
    {LayerKind::dense, "", dense_cases},
    {LayerKind::activation, "", activation_cases},
    {LayerKind::dropout, "dropout", dropout_cases},
    {LayerKind::flatten, "", flatten_cases},
    {LayerKind::conv2d, "convolutions", conv2d_cases},
    {LayerKind::max_pool2d, "pools", max_pool2d_cases},
    {LayerKind::average_pool2d, "pools", average_pool2d_cases},
    {LayerKind::global_average_pool2d, "pools", global_average_pool2d_cases},
    {LayerKind::global_max_pool2d, "pools", global_max_pool2d_cases},
    {LayerKind::batch_norm, "batch norms", batch_norm_cases},
    {LayerKind::layer_norm, "layer norms", layer_norm_cases},
    {LayerKind::residual, "residual blocks", residual_cases},
    {LayerKind::shortcut, "residual blocks", shortcut_cases},
    {LayerKind::add, "residual blocks", add_cases},
    {LayerKind::concat, "branches", concat_cases},
    {LayerKind::branch, "branches", branch_cases},
    {LayerKind::join, "branches", join_cases},
    {LayerKind::embedding, "embeddings", embedding_cases},
};

template <typename Kind, typename Row, std::size_t count>
constexpr bool has_each(const Row (&rows)[count]) {
  bool each = count == count_of<Kind>;
  for (std::size_t value = 0; value < count_of<Kind>; ++value) {
    each &= std::any_of(std::begin(rows), std::end(rows),
                        [&](const Row& row) { return row.kind == static_cast<Kind>(value); });
  }
  return each;
}
static_assert(has_each<OpKind>(operation_rows), "each operation has one row in operation_rows");
static_assert(has_each<LayerKind>(layer_rows), "each layer has one row in layer_rows");

inline std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const LayerRow& row : layer_rows) {
    for (Case& c : row.cases()) {
      c.group = row.group;
      cases.push_back(std::move(c));
    }
  }
  return cases;
}

// Logits or values of one row, without dropout.
inline Doubles reference_row(const Plan& plan, const Doubles& parameters, Doubles x) {
  std::vector<Doubles> values(plan.values.size());
  values[0] = std::move(x);
  for (const Op& op : plan.ops) {
    Given given{plan, op, {}, values[static_cast<std::size_t>(op.input)], {}};
    for (const int index : op.parameters)
      given.parameters.push_back(parameters.data() + plan.parameters[static_cast<std::size_t>(index)].offset);
    for (const int other : op.others) given.others.push_back(values[static_cast<std::size_t>(other)]);
    const auto row = std::find_if(std::begin(operation_rows), std::end(operation_rows),
                                  [&](const OperationRow& r) { return r.kind == op.kind; });
    Doubles& y = values[static_cast<std::size_t>(op.output)];
    y = row->reference(given);
    for (double& v : y) v = reference_activation(op.options.activation, slope_of(op.options), v);
  }
  return values[static_cast<std::size_t>(plan.ops.back().output)];
}

}  // namespace nn::test
