// Stacking: a model that learned from what others answer.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "backend/device.hpp"
#include "predict/predictor.hpp"
#include "tensor/batch.hpp"

namespace nn::ensemble {

// The members' outputs side by side, as a model is trained on them: column x of so many numbers.
std::shared_ptr<const Schema> feature_schema(std::int64_t features);
// outputs[m] is [rows, width] of member m; the result is [rows, members * width].
Buffer side_by_side(std::int64_t rows, std::int64_t width, std::span<const float* const> outputs);

// A model whose only input are the members' outputs side by side. One thread at a time.
class Stack {
 public:
  // Errors as predict::TablePredictor has them.
  Stack(const std::string& model, const backend::Device& device, std::int64_t features);
  const predict::PredictionKind& kind() const { return predictor_.kind(); }
  const std::string& digest() const { return predictor_.digest(); }
  // As Predictor has them.
  std::uint64_t weight_bytes() const { return predictor_.weight_bytes(); }
  std::uint64_t step_bytes() const { return predictor_.step_bytes(); }
  // outputs[m] is [rows, features / members] of member m, all members in order; out [rows, kind().width()],
  // overwritten. Data errors name the row, which counts from `first_row`.
  void predict(std::int64_t first_row, std::int64_t rows, std::span<const float* const> outputs, float* out);

 private:
  std::int64_t features_;
  std::shared_ptr<const Schema> schema_;
  predict::TablePredictor predictor_;
};

}  // namespace nn::ensemble
