// A version of a model on this process's device.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "predict/predictor.hpp"
#include "serving/local_servable.hpp"

namespace nn::serving {

class LocalModel : public LocalServable {
 public:
  // Loads the file. Errors as predict::Predictor has them.
  LocalModel(std::string name, std::uint64_t version, const std::string& path, const backend::Device& device,
             backend::Precision precision, Batcher* batcher);

  const std::string& digest() const override { return predictor_.digest(); }
  const predict::PredictionKind& kind() const override { return predictor_.kind(); }
  std::shared_ptr<const Schema> inputs() const override { return inputs_; }
  std::shared_ptr<const Schema> outputs() const override { return outputs_; }
  BoundTable bind(const Schema& table) const override { return {.encoder = predictor_.bind(table)}; }
  std::int64_t work_per_row() const override { return predictor_.work_per_row(); }
  void compute(std::span<const predict::PredictorInput> inputs, float* out) override {
    predictor_.predict(inputs, out);
  }

  // Computes a step of so many rows that mean nothing, so that the first request doesn't pay for it, and
  // measures one. In the thread that loads.
  void warm_up(std::int64_t rows);

 private:
  predict::Predictor predictor_;
  std::shared_ptr<const Schema> inputs_, outputs_;
};

}  // namespace nn::serving
