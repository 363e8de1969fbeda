// Messages made by hand, and models that only say what they take and answer.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../protobuf.hpp"
#include "inference/signature.hpp"
#include "serving/servable.hpp"

namespace nn::test {

// Takes and answers what it is told; computes nothing.
class DescribedModel : public serving::Servable {
 public:
  DescribedModel(std::vector<Field> inputs, predict::PredictionKind kind)
      : Servable("m", 3),
        kind_(std::move(kind)),
        inputs_(std::make_shared<Schema>(Schema{std::move(inputs), {}})) {}
  const std::string& digest() const override { return digest_; }
  const predict::PredictionKind& kind() const override { return kind_; }
  std::shared_ptr<const Schema> inputs() const override { return inputs_; }
  std::shared_ptr<const Schema> outputs() const override { return inputs_; }
  serving::BoundTable bind(const Schema& /*table*/) const override { return {}; }
  bool submit(std::shared_ptr<serving::Request> /*request*/) override { return false; }

 private:
  std::string digest_ = "d";
  predict::PredictionKind kind_;
  std::shared_ptr<const Schema> inputs_;
};

inline predict::PredictionKind classes(std::vector<std::string> names, bool integers) {
  return {true, integers, std::move(names), {}};
}
inline predict::PredictionKind numbers(Shape shape) { return {false, false, {}, std::move(shape)}; }

inline Field column(std::string name, DType type, Shape shape = {}) {
  return {std::move(name), type, std::move(shape), false, {}, {}};
}

// c0 … of numbers.
inline inference::Signature matrix_signature(int width, predict::PredictionKind kind) {
  std::vector<Field> fields;
  for (int i = 0; i < width; ++i) fields.push_back(column("c" + std::to_string(i), DType::f32));
  return inference::Signature(DescribedModel(std::move(fields), std::move(kind)));
}
// age, a number; work, a text; hours, a number.
inline inference::Signature people_signature(predict::PredictionKind kind) {
  return inference::Signature(
      DescribedModel({column("age", DType::f32), column("work", DType::utf8), column("hours", DType::i32)},
                     std::move(kind)));
}
// One tensor, image [2, 2].
inline inference::Signature image_signature(predict::PredictionKind kind) {
  return inference::Signature(DescribedModel({column("image", DType::u8, {2, 2})}, std::move(kind)));
}

}  // namespace nn::test
