// One model on one device, from a batch of a table to its outputs.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "backend/backend.hpp"
#include "ensemble/predictions.hpp"
#include "model/model.hpp"
#include "tensor/batch.hpp"

namespace nn {

// Order of calls: constructor, bind(), then predict() any number of times, always in one
// thread (it may be another than that of the calls before). Errors name the model.
class Predictor {
 public:
  // Opens the model; the weights are used in place. Throws when model or device is not
  // there.
  Predictor(const std::string& path, const Device& device, Precision precision = Precision::float32);
  ~Predictor();

  const PredictionKind& kind() const { return kind_; }
  const std::string& digest() const { return model_.digest; }

  // Data errors for a table that doesn't fit the model.
  void bind(const Schema& schema);

  // out [batch.rows, kind().width()], overwritten. The first call pins the calling thread
  // to the device. Program and buffers grow with the largest batch seen.
  void predict(const Batch& batch, float* out);

 private:
  void make_room(std::int64_t rows);
  void finish_numbers(std::int64_t rows, float* out) const;

  std::string path_;
  Device device_;
  Precision precision_;
  Model model_;
  Plan plan_;
  PredictionKind kind_;
  bool one_logit_ = false;  // two classes, one output: the probability of the second
  std::optional<BoundEncoder> encoder_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Program> program_;
  std::int64_t capacity_ = 0, step_ = 0;  // rows of a batch, and of a step of the program
  bool takes_bytes_ = false;  // the program does, so that rows needn't be encoded
  Buffer x_, y_;
};

}  // namespace nn
