// The rows to learn from, encoded once and kept in memory: rows * (inputs + 1) floats, or bytes
// for images of bytes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend/backend.hpp"
#include "model/encoder.hpp"
#include "model/model.hpp"
#include "table/reading.hpp"
#include "train/options.hpp"
#include "train/rows.hpp"

namespace nn::train {

// The bytes of a row take a quarter of the memory that its floats would. Row-major. Either labels or targets,
// weights only when there are class weights or weights of rows.
struct Dataset {
  std::int64_t rows = 0, inputs = 0, target_width = 0;
  Buffer x;  // [rows, inputs] f32, or bytes where byte_values says what they are
  std::optional<backend::ByteValues> byte_values;
  std::vector<std::int32_t> labels;  // [rows]
  std::vector<float> targets;        // [rows, target_width], scaled as the target says
  std::vector<float> weights;        // [rows], of its class times its own: their mean is 1
  std::vector<float> row_weights;    // [rows], where rows have weights of their own: their mean is 1

  // Rows [first, first + count) where they are.
  backend::Examples examples(std::int64_t first, std::int64_t count) const;
  backend::Inputs inputs_from(std::int64_t row) const;
  std::size_t row_bytes() const {
    return static_cast<std::size_t>(inputs) * (byte_values ? 1 : sizeof(float));
  }
};

// Copies rows in any order into memory of its own. One thread.
class BatchGatherer {
 public:
  BatchGatherer(const Dataset& data, std::int64_t batch);
  // Good until the next call.
  backend::Examples gather(std::span<const std::uint32_t> rows);
  // The inputs of each row by copy(row, from, to); they must be floats.
  template <typename Copy>
  backend::Examples gather(std::span<const std::uint32_t> rows, Copy copy) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      copy(rows[i], data_.x.as<float>() + static_cast<std::int64_t>(rows[i]) * data_.inputs,
           x_.as<float>() + static_cast<std::int64_t>(i) * data_.inputs);
    }
    return with_targets(rows);
  }

 private:
  backend::Examples with_targets(std::span<const std::uint32_t> rows);
  const Dataset& data_;
  Buffer x_;
  std::vector<std::int32_t> labels_;
  std::vector<float> targets_, weights_;
};

struct TrainingData {
  std::shared_ptr<const model::Model> start;  // what the run begins with; null: nothing
  model::Encoder encoder;
  model::Target target;
  table::Reading reading;
  Dataset train;
  std::optional<Dataset> valid;
  // XXH3-128 over the encoded rows and their targets, for training and, where there are, validation.
  std::string digest, valid_digest;
};

// Reads all rows, learns encoder and target from the training rows, and encodes them. Data
// errors: no rows, no column y (the columns are listed), a class of the validation rows
// that no training row has, class weights for unknown classes, weights of rows that are no weights. A target
// of numbers is scaled as columns are, unless `network` ends with an activation, which is over the units of
// the data.
//
// A run that begins with `start` (null: none) keeps what that model knows of its table: encoder and, unless
// its last layer begins anew, target. Data errors then name the column that doesn't fit, and classes that the
// model doesn't know.
TrainingData load_training_data(const TrainOptions& options, const Network& network,
                                std::shared_ptr<const model::Model> start);

// The same of rows that have been read and split; with `all`, classes are those of all these rows.
TrainingData training_data(const TrainOptions& options, const Network& network,
                           std::shared_ptr<const model::Model> start, Rows train, std::optional<Rows> valid,
                           const Rows* all = nullptr);

}  // namespace nn::train
