// One model on one device, from a batch of a table to its outputs.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "backend/backend.hpp"
#include "model/model.hpp"
#include "predict/predictions.hpp"
#include "tensor/batch.hpp"

namespace nn::predict {

// Some rows of a table, and what binds it to the model.
struct PredictorInput {
  const model::BoundEncoder* encoder;
  const Batch* batch;
};

// predict(), warm_up() and try_out() are called by one thread at a time, the rest is thread-safe. Errors
// name the model.
class Predictor {
 public:
  // Loads the model (errors as model::load_model() has them). Throws when the device is not there.
  Predictor(const std::string& path, const backend::Device& device,
            backend::Precision precision = backend::Precision::float32);
  // A model that was loaded from there; copies of it share its weights.
  Predictor(const std::string& path, model::Model model, const backend::Device& device,
            backend::Precision precision = backend::Precision::float32);
  ~Predictor();

  const PredictionKind& kind() const { return kind_; }
  const std::string& digest() const { return model_.digest; }
  const model::Target& target() const { return model_.target; }
  // Those of a table that it wants.
  const std::vector<model::InputColumn>& columns() const { return model_.encoder.columns(); }
  // Of texts in their cells that it has no category for; null where none has categories.
  model::UnknownCounts* unknown() const { return model_.encoder.unknown(); }
  // Multiplications and additions of a row, roughly.
  std::int64_t work_per_row() const { return 2 * plan_.parameter_count; }
  // What one copy of the weights takes.
  std::uint64_t weight_bytes() const {
    return static_cast<std::uint64_t>(plan_.parameter_count) * sizeof(float);
  }
  // What is kept for the rows of steps, as the plan has it: between calls of the others only.
  std::uint64_t step_bytes() const;

  // Data errors for a table that doesn't fit the model.
  model::BoundEncoder bind(const Schema& schema) const;

  // out [rows of all inputs, kind().width()], overwritten, in the order of the inputs. The
  // first call pins the calling thread to the device. Programs and buffers grow with the most
  // rows seen. A row's result depends on that row only.
  void predict(std::span<const PredictorInput> inputs, float* out);

  // Makes ready for that many rows, and reads all weights. Where the model learned from bytes, it is made
  // ready for both floats and bytes.
  void warm_up(std::int64_t rows);
  // After that, a step of as many rows at most, which mean nothing. out [rows, kind().width()], overwritten.
  void try_out(std::int64_t rows, float* out);

 private:
  // Rows come encoded, or as the bytes they are: each path has a program of its own.
  struct InputPath {
    std::unique_ptr<backend::Program> program;
    std::int64_t capacity = 0, step = 0;  // rows of a call, and of a step of the program
  };
  void make_room(InputPath& path, const std::optional<std::array<float, 256>>& byte_values,
                 std::int64_t rows);
  std::shared_ptr<const float> parameters_now() const;
  void warm_up_bytes(std::int64_t rows, float* out);
  void forward(InputPath& path, backend::Inputs x, std::int64_t rows, float* out);

  std::string path_;
  backend::Device device_;
  backend::Precision precision_;
  model::Model model_;
  Plan plan_;
  PredictionKind kind_;
  std::unique_ptr<backend::Backend> backend_;
  InputPath encoded_, bytes_;
  Buffer x_;
};

// A model for the rows of one table. As Predictor.
class TablePredictor {
 public:
  TablePredictor(const std::string& path, const backend::Device& device, const Schema& table,
                 backend::Precision precision = backend::Precision::float32)
      : path_(path), predictor_(path, device, precision), encoder_(predictor_.bind(table)) {}
  const PredictionKind& kind() const { return predictor_.kind(); }
  const std::vector<model::InputColumn>& columns() const { return predictor_.columns(); }
  const std::string& digest() const { return predictor_.digest(); }
  std::uint64_t weight_bytes() const { return predictor_.weight_bytes(); }
  std::uint64_t step_bytes() const { return predictor_.step_bytes(); }
  // out [batch.rows, kind().width()], overwritten. Data errors name a row whose answer is no number.
  void predict(const Batch& batch, float* out);

 private:
  std::string path_;
  Predictor predictor_;
  model::BoundEncoder encoder_;
};

}  // namespace nn::predict
