// Small models and scratch folders for tests.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "base/memory.hpp"
#include "model/model.hpp"

namespace nn::test {

class Scratch {
 public:
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "nn-model-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    folder_ = pattern;
  }
  ~Scratch() { std::filesystem::remove_all(folder_); }
  std::string operator/(const char* name) const { return folder_ + "/" + name; }

 private:
  std::string folder_;
};

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// Parameters 0, 1/8, 2/8, … with zeros between the tensors.
inline void fill_parameters(model::Model& model) {
  const Plan plan = lower(model.network, model.loss);
  auto block = std::make_shared<Buffer>(static_cast<std::size_t>(plan.parameter_count) * sizeof(float));
  auto* values = block->as<float>();
  std::fill_n(values, plan.parameter_count, 0.0f);
  float next = 0;
  for (const Parameter& parameter : plan.parameters) {
    for (std::int64_t i = 0; i < parameter.size(); ++i) values[parameter.offset + i] = (next += 0.125f);
  }
  model.parameters = std::shared_ptr<const float>(block, values);
}

// Numbers, categories (one of them not UTF-8) and a tensor in, three classes out.
inline model::Model class_model() {
  model::Model model;
  model::InputColumn number{"age", model::InputColumn::Kind::number, {}, {38.5}, {38.5}, {1.0 / 3}, {}};
  model::InputColumn category{"job", model::InputColumn::Kind::category, {}, {}, {},
                              {},    {"clerk", "smith", "\xE9t\xE9"}};
  model::InputColumn tensor{"x", model::InputColumn::Kind::tensor, {1, 2}, {}, {0}, {1.0 / 255}, {}};
  model.encoder = model::Encoder({number, category, tensor});
  model.target.kind = model::Target::Kind::classes;
  model.target.integers = true;
  model.target.classes = {"-1", "2", "10"};
  model.loss = Loss::categorical_crossentropy;
  model.network = parse_network("dense 4 relu, dropout 0.25, dense");
  resolve(model.network, model.encoder.input_shape(), 3);
  model.provenance = {"0.1.0",
                      "nn-train 'a b.csv' -o m.nn",
                      "00112233445566778899aabbccddeeff",
                      UINT64_MAX,
                      1700000000,
                      {{"val_accuracy", 0.1}, {"val_loss", 1.0 / 3}}};
  fill_parameters(model);
  return model;
}

// Images of 8 x 8 pixels and 2 channels in, or numbers and categories where `table`; numbers out.
inline model::Model layered_model(const std::string& network, bool table) {
  model::Model model;
  const model::InputColumn tensor{"x", model::InputColumn::Kind::tensor, {8, 8, 2}, {}, {0}, {1.0 / 255}, {}};
  const model::InputColumn number{"n", model::InputColumn::Kind::number, {}, {0.5}, {}, {}, {}};
  const model::InputColumn category{"c", model::InputColumn::Kind::category, {}, {}, {}, {}, {"a", "b", "c"}};
  model.encoder = table ? model::Encoder({number, category}) : model::Encoder({tensor});
  model.target.kind = model::Target::Kind::numbers;
  model.loss = Loss::mse;
  model.network = parse_network(network);
  resolve(model.network, model.encoder.input_shape(), 1, model.encoder.segments());
  fill_parameters(model);
  return model;
}

// One with each layer that there is.
inline std::vector<model::Model> layered_models() {
  return {
      layered_model("conv2d 4 3x2 strides 2x1 same groups 2 gelu, batch_norm momentum 0.9, activation relu, "
                    "max_pool2d 2, flatten, dropout 0.5, layer_norm epsilon 0.01, dense tanh",
                    false),
      layered_model("residual(conv2d 2 3x3 same, residual(average_pool2d 3 strides 1 same); conv2d 2 1x1), "
                    "global_average_pool2d, dense",
                    false),
      layered_model("embedding 5, dense 4 selu, dense", true),
  };
}

// One tensor in, standardised numbers out.
inline model::Model number_model() {
  model::Model model;
  model.encoder = model::Encoder(
      {{"x", model::InputColumn::Kind::tensor, {2, 2}, {}, {1, 2, 3, 4}, {0.5, 1, 2, 1e-3}, {}}});
  model.target.kind = model::Target::Kind::numbers;
  model.target.shape = {2};
  model.target.offset = {1e6, -0.0};
  model.target.scale = {1e-6, 3};
  model.loss = Loss::huber;
  model.network = parse_network("flatten, dense");
  resolve(model.network, model.encoder.input_shape(), 2);
  fill_parameters(model);
  return model;
}

}  // namespace nn::test
