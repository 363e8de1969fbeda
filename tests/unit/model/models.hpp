// Small models and scratch folders for tests.
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "base/memory.hpp"
#include "layers/case.hpp"
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
  std::string operator/(const std::string& name) const { return folder_ + "/" + name; }

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
                      {{"val_accuracy", 0.1}, {"val_loss", 1.0 / 3}},
                      {}};
  fill_parameters(model);
  return model;
}

// A network of the table of layers, over a tensor or, where it embeds them, over numbers and categories.
inline model::Model model_of(const Case& c) {
  std::vector<model::InputColumn> columns;
  const auto add = [&](model::InputColumn::Kind kind) -> model::InputColumn& {
    columns.push_back({fmt::format("c{}", columns.size()), kind, {}, {}, {}, {}, {}});
    return columns.back();
  };
  for (const InputSegment& segment : c.segments) {
    if (segment.category) {
      model::InputColumn& category = add(model::InputColumn::Kind::category);
      for (std::int64_t i = 0; i < segment.width; ++i) category.categories.push_back(fmt::format("{:03}", i));
    }
    for (std::int64_t i = 0; !segment.category && i < segment.width; ++i)
      add(model::InputColumn::Kind::number).fill = {0.5};
  }
  if (columns.empty())
    add(model::InputColumn::Kind::tensor).shape = c.image.empty() ? Shape{c.inputs} : c.image;
  model::Model model;
  model.encoder = model::Encoder(std::move(columns));
  model.target.kind = model::Target::Kind::numbers;
  model.target.shape = {c.outputs};
  model.loss = Loss::mse;
  model.network = parse_network(c.net);
  resolve(model.network, model.encoder.input_shape(), c.outputs, model.encoder.segments());
  fill_parameters(model);
  return model;
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
