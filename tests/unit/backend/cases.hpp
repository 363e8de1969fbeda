// The one table of networks that every check of the backend runs over, and what a case
// needs: a plan, parameters, rows with labels or targets.
#pragma once

#include <string>
#include <vector>

#include "backend/cpu/cpu_program.hpp"
#include "base/random.hpp"
#include "nn/plan.hpp"

namespace nn::test {

struct Case {
  std::string net;
  std::int64_t inputs, outputs;
  Loss loss;
  std::int64_t rows;
  Shape image = {};                         // of the input; empty: a vector
  std::vector<InputSegment> segments = {};  // of the input, for embedding
};

inline std::vector<Case> all_cases() {
  std::vector<Case> cases;
  const auto softmax = Loss::categorical_crossentropy;
  for (const char* activation :
       {"linear", "relu", "leaky_relu", "elu", "selu", "gelu", "tanh", "sigmoid", "softplus"}) {
    const std::string name = activation;
    cases.push_back({"dense 7 " + name + ", dense", 5, 3, softmax, 6});
    cases.push_back({"dense 20, activation " + name + ", dense 9 " + name + ", dense", 11, 2, Loss::mse, 9});
    cases.push_back({"activation " + name + ", dense " + name, 13, 4, Loss::huber, 5});
  }
  for (const Loss loss : {softmax, Loss::mse, Loss::mae, Loss::huber}) {
    for (const std::int64_t outputs : {1, 2, 8, 17}) {
      cases.push_back({"dense 6 tanh, dense", 4, outputs, loss, 7});
    }
  }
  for (const std::int64_t rows : {1, 3, 8, 21})
    cases.push_back({"dense 5 tanh, dense", 3, 1, Loss::binary_crossentropy, rows});
  // Layers that do something in training only, at every place.
  cases.push_back({"dropout 0.3, dense 9 elu, dropout 0.5, dense", 6, 3, softmax, 8});
  cases.push_back(
      {"dense 16 tanh, dropout 0.25, activation gelu, dropout 0.1, dense 5, dense", 10, 2, Loss::mse, 12});
  cases.push_back({"dense 8 softplus, dense, dropout 0.2", 4, 3, softmax, 5});
  cases.push_back({"flatten, dense 8 relu, flatten, dense", 4, 3, softmax, 5});
  cases.push_back({"dense", 6, 3, softmax, 4});
  // Shapes around the edges of vectors, tiles and blocks.
  for (const std::int64_t width : {1, 4, 15, 16, 17, 32, 33, 48, 65})
    cases.push_back({"dense " + std::to_string(width) + " tanh, dense", 17, 3, softmax, 19});
  for (const std::int64_t inputs : {1, 2, 16, 31, 255, 256, 257, 600})
    cases.push_back({"dense 24 tanh, dense", inputs, 3, softmax, 18});
  for (const std::int64_t rows : {1, 2, 4, 5, 6, 7, 13, 40, 193, 300})
    cases.push_back({"dense 40 gelu, dense", 20, 5, Loss::mse, rows});
  cases.push_back({"dense 100 selu, dense 70 relu, dense", 64, 10, softmax, 65});
  // Networks over images.
  const auto image = [&](std::string net, const Shape& shape, std::int64_t rows = 4) {
    cases.push_back({std::move(net), element_count(shape), 3, softmax, rows, shape});
  };
  for (const char* activation : {"", " relu", " gelu", " tanh"})
    image(std::string("conv2d 5 3x3") + activation + ", dense", {6, 7, 2});
  for (const char* window : {"3x3", "3x3 same", "2x3 strides 2", "3x2 strides 2x1 same", "1x1",
                             "1x1 strides 2", "5x4 strides 3 same", "6x5"}) {
    image(std::string("conv2d 6 ") + window + " tanh, conv2d 4 2x2 same, dense", {6, 5, 3}, 5);
  }
  image("conv2d 16 3x3 tanh, conv2d 20 1x1 tanh, dense", {9, 8}, 9);
  image("conv2d 6 3x3 groups 3 tanh, conv2d 4 1x1 groups 2, dense", {5, 5, 6});
  image("conv2d 32 3x3 same relu, conv2d 17 3x3, dense", {8, 8, 16}, 7);
  image("conv2d 8 5x5 tanh, conv2d 16 1x1, dense", {5, 5, 1}, 6);  // one pixel is left
  for (const char* pool : {"2", "3 strides 2 same", "2x3 strides 1", "4x5"}) {
    image(std::string("conv2d 4 2x2 tanh, max_pool2d ") + pool + ", dense", {6, 7, 2});
    image(std::string("conv2d 4 2x2 tanh, average_pool2d ") + pool + ", dense", {6, 7, 2});
    image(std::string("max_pool2d ") + pool + ", conv2d 3 1x1, dense", {6, 7, 2});
  }
  image("conv2d 7 3x3 relu, global_average_pool2d, dense 4 tanh, dense", {6, 6, 2});
  image("conv2d 3 3x3, flatten, dropout 0.3, dense 6 elu, dense", {5, 5, 2});
  // Norms, of vectors and of images.
  for (const char* norm : {"batch_norm", "layer_norm", "batch_norm momentum 0.9 epsilon 0.01"}) {
    const std::string name = norm;
    cases.push_back({"dense 9 tanh, " + name + ", dense", 6, 3, softmax, 8});
    cases.push_back({name + ", dense 17, " + name + ", activation tanh, dense", 5, 2, Loss::mse, 33});
    image("conv2d 5 3x3, " + name + ", activation tanh, dense", {6, 7, 2});
    image(name + ", conv2d 16 2x2 same, " + name + ", max_pool2d 2, dense", {4, 4, 3}, 6);
  }
  // Residual blocks.
  cases.push_back({"residual(dense 6 tanh), dense", 6, 3, softmax, 5});
  cases.push_back({"dense 8 tanh, residual(dense 16 tanh, dense 8), dense", 6, 3, softmax, 5});
  cases.push_back({"dense 8 tanh, residual(dense 9 tanh; dense 9), residual(residual(dense 9)), dense", 6, 3,
                   Loss::mse, 5});
  image("conv2d 4 3x3 same tanh, residual(conv2d 4 3x3 same tanh, conv2d 4 3x3 same), activation tanh, dense",
        {5, 4, 2});
  image(
      "residual(conv2d 6 3x3 strides 2 same, batch_norm; conv2d 6 1x1 strides 2), global_average_pool2d, "
      "dense",
      {5, 6, 2}, 5);
  // Categories.
  const std::vector<InputSegment> table = {{1, false}, {3, true}, {2, false}, {5, true}};
  cases.push_back({"embedding 2, dense 6 tanh, dense", 11, 3, softmax, 9, {}, table});
  cases.push_back({"embedding 17, layer_norm, dense", 11, 2, Loss::mse, 9, {}, table});
  cases.push_back({"embedding 40, dense", 75, 2, Loss::mse, 6, {}, {{70, true}, {5, false}}});
  return cases;
}

inline Plan plan_of(const Case& c) {
  Network network = parse_network(c.net);
  resolve(network, c.image.empty() ? Shape{c.inputs} : c.image, c.outputs, c.segments);
  return lower(network, c.loss);
}

// Rows, labels and weights of a case; the same for every element type.
template <typename T>
struct Data {
  explicit Data(const Case& c) : Data(c, c.rows) {}
  Data(const Case& c, std::int64_t rows) : rows_(rows) {
    RandomStream random(7, RandomUse::shuffle, 1);
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < c.inputs; ++j)
        x.push_back(static_cast<T>(static_cast<float>(random.normal())));
      for (std::int64_t j = 0; j < c.outputs; ++j)
        targets.push_back(static_cast<T>(static_cast<float>(2 * random.normal())));
      const std::int64_t classes = c.loss == Loss::binary_crossentropy ? 2 : c.outputs;
      labels.push_back(static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(classes))));
      weights.push_back(static_cast<T>(static_cast<float>(0.5 + random.uniform())));
    }
  }
  backend::cpu::ExamplesOf<T> examples(bool weighted) const {
    return {rows_, x.data(), labels.data(), targets.data(), weighted ? weights.data() : nullptr};
  }
  std::int64_t rows_;
  std::vector<T> x, targets, weights;
  std::vector<std::int32_t> labels;
};

inline std::vector<float> parameters_of(const Plan& plan) {
  std::vector<float> values(static_cast<std::size_t>(plan.parameter_count));
  initialise(plan, 3, values);
  RandomStream random(5, RandomUse::shuffle, 2);
  for (const Parameter& p : plan.parameters) {
    if (p.decays || p.initial != 0) continue;  // biases that are not 0
    for (std::int64_t i = 0; i < p.size(); ++i)
      values[static_cast<std::size_t>(p.offset + i)] = static_cast<float>(0.2 * random.normal());
  }
  return values;
}

inline std::vector<double> widen(const std::vector<float>& values) { return {values.begin(), values.end()}; }

}  // namespace nn::test
