// What a model knows about its table: which columns, in which order, how they become
// the network's input, and what the target means. Learned from the training rows, kept
// in the model, applied to every table that is predicted.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tensor/batch.hpp"

namespace nn {

struct InputColumn {
  enum class Kind : std::uint8_t { number, category, tensor };
  std::string name;
  Kind kind = Kind::number;
  Shape shape;                    // tensor: of one row
  std::vector<double> fill;       // number: {mean of the present training values}, stands for a missing
                                  // one; category and tensor: empty
  std::vector<double> offset, scale;  // (value - offset) * scale per element; empty: as it is.
                                      // u8 tensors without standardisation: offset 0, scale 1/255 (one value)
  std::vector<std::string> categories;  // category: one-hot in this order; unknown or missing: all zero
  std::int64_t width() const;     // floats this column becomes
};

struct Target {
  enum class Kind : std::uint8_t { none, classes, numbers };
  Kind kind = Kind::none;
  std::string name = "y";
  bool integers = false;              // classes: labels are integers, `classes` their decimal text
  std::vector<std::string> classes;   // sorted: integers by value, texts by bytes
  Shape shape;                        // numbers: of one row (scalar or vector)
  std::vector<double> offset, scale;  // numbers: the network learns (y - offset) * scale; empty: y
  std::int64_t width() const;         // number of classes or of values
};

// Encoder and target bound to one table's schema. Thread-safe; keeps no reference to it.
class BoundEncoder {
 public:
  // Floats of one row.
  std::int64_t width() const { return width_; }
  // x [batch.rows, width], row-major, overwritten. Data errors name row and column
  // (a NaN or infinite feature is one; a missing value is not).
  void encode(const Batch& batch, float* x) const;

 private:
  friend class Encoder;
  struct Binding {
    std::size_t column;       // in the table
    DType type;               // there
    const InputColumn* input; // owned by inputs_
    std::int64_t at;          // first float of the row
  };
  std::shared_ptr<const std::vector<InputColumn>> inputs_;
  std::vector<Binding> bindings_;
  std::int64_t width_ = 0;
};

class Encoder {
 public:
  Encoder() = default;
  explicit Encoder(std::vector<InputColumn> columns);

  struct FitOptions {
    bool standardize = false;  // numbers and tensors to mean 0 and variance 1 (constant ones: scale 1)
  };
  // Learns from the rows of `batches` (all of one schema); columns y and id are not
  // features. Throws when a column cannot be a feature, naming it and saying how to
  // leave it out.
  static Encoder fit(const Schema& schema, std::span<const Batch> batches, FitOptions options);

  const std::vector<InputColumn>& columns() const { return *columns_; }
  std::int64_t width() const;
  Shape input_shape() const;  // a single tensor keeps its shape; otherwise {width}

  // Matches columns by name. Missing columns and wrong types are data errors that name
  // the column and what the model expects; others are ignored.
  BoundEncoder bind(const Schema& schema) const;

 private:
  std::shared_ptr<const std::vector<InputColumn>> columns_ = std::make_shared<std::vector<InputColumn>>();
};

// Learns the target from column y: integers, booleans and texts are classes, floats are
// numbers. With `standardize`, numbers get offset and scale. Missing or NaN targets are
// data errors naming the row.
Target fit_target(const Schema& schema, std::span<const Batch> batches, bool standardize);

// labels [batch.rows], overwritten: class index of each row of y; an unknown class is a
// data error naming row and label, or -1 where `unknown_allowed`.
void encode_labels(const Target& target, const Batch& batch, std::int32_t* labels,
                   bool unknown_allowed = false);
// targets [batch.rows, width], overwritten, scaled.
void encode_targets(const Target& target, const Batch& batch, float* targets);

}  // namespace nn
