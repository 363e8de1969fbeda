// The encoder is all that a model knows about its table: which columns, in which order, how they become
// the network's input, and what the target means. Learned from the training rows, kept
// in the model, applied to every table that is predicted.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/answers.hpp"
#include "model/unknown_counts.hpp"
#include "nn/network.hpp"
#include "tensor/batch.hpp"

namespace nn::model {

struct InputColumn {
  enum class Kind : std::uint8_t { number, category, tensor };
  std::string name;
  Kind kind = Kind::number;
  Shape shape;                        // tensor: of one row
  std::vector<double> fill;           // number: {mean of the present training values}, stands for a missing
                                      // one; category and tensor: empty
  std::vector<double> offset, scale;  // (value - offset) * scale per element; empty: as it is.
                                      // u8 tensors without standardisation: offset 0, scale 1/255 (one value)
  std::vector<std::string> categories;    // category: one-hot in this order; unknown or missing: all zero
  std::optional<int> first_feature = {};  // tensor of sparse rows: the index of its first element, 0 or 1
  std::int64_t width() const;             // floats this column becomes
};

struct Target {
  enum class Kind : std::uint8_t { none, classes, numbers };
  Kind kind = Kind::none;
  std::string name = "y";
  bool integers = false;              // classes: labels are integers, `classes` their decimal text
  std::vector<std::string> classes;   // sorted: integers by value, texts by bytes
  Shape shape;                        // numbers: of one row (scalar or vector)
  std::vector<double> offset, scale;  // numbers: the network learns (y - offset) * scale; empty: y
  std::vector<std::string> elements;  // numbers: what the values of a row are called; empty: no names
  Answers answers;                    // numbers: quantiles and mean and deviation are of one only
  std::int64_t width() const;         // number of classes or of values
  // Turns outputs of a network [rows, width() * answers.each()] into answers, in place: numbers in the
  // table's unit, quantiles in ascending order (where they cross, sorting brings them closer to the right
  // ones: Chernozhukov, Fernandez-Val & Galichon 2010), log variances as standard deviations. Of classes
  // nothing.
  void finish(std::int64_t rows, float* out) const;
};

// Encoder and target bound to one table's schema. Thread-safe; keeps no reference to it.
class BoundEncoder {
 public:
  // Floats of one row.
  std::int64_t width() const { return width_; }
  // x [batch.rows, width], row-major, overwritten. The batch has the schema that was bound.
  // A NaN in a scalar column, or in the tensor that stands for all of them, counts as
  // missing, as pandas means it; a missing value is no error. Infinities, numbers beyond
  // float, and missing tensors or NaN inside one are data errors that name row (from 0 over
  // the input) and column. A row's result depends on
  // that row only.
  void encode(const Batch& batch, float* x) const;

  // For rows that are one tensor of bytes, whose elements are all encoded alike: the value that each byte
  // becomes. A program that takes bytes can then have the rows as they are.
  std::optional<std::array<float, 256>> byte_values() const;
  // The rows of a batch then; data errors as encode() has them.
  const std::uint8_t* bytes(const Batch& batch) const;

 private:
  friend class Encoder;
  struct Binding {
    std::size_t column;        // in the table
    DType type;                // there
    const InputColumn* input;  // owned by inputs_
    std::int64_t at;           // first float of the row
    // Where sparse rows are not as wide as the model's: `count` elements from `from` on of `table_width`
    // become those from `to` on, all others are 0.
    struct Overlap {
      std::int64_t table_width, from, to, count;
    };
    std::optional<Overlap> overlap = {};
    static std::optional<Overlap> overlap_of(const Field& field, const InputColumn& input);
  };
  Batch as_wide(const Batch& batch) const;
  void encode_columns(const Batch& batch, float* x) const;
  // All columns, which are numbers, as the elements of one tensor.
  struct Matrix {
    std::size_t column;  // in the table
    DType type;          // there
    std::vector<double> fill, offset, scale;
  };
  void encode_matrix(const Batch& batch, float* x) const;
  std::shared_ptr<const std::vector<InputColumn>> inputs_;
  std::shared_ptr<UnknownCounts> unknown_;  // as the encoder has them
  std::vector<Binding> bindings_;
  std::shared_ptr<const Matrix> matrix_;  // in place of bindings
  bool overlaps_ = false;                 // some binding has one
  std::int64_t width_ = 0;
};

// Which numbers are brought to mean 0 and variance 1 over the training rows.
enum class Scaling : std::uint8_t {
  none,
  numbers,  // columns of numbers, and tensors of floats of one dimension; images stay as they are
  all       // tensors of any shape as well, element by element
};

class Encoder {
 public:
  Encoder() = default;
  explicit Encoder(std::vector<InputColumn> columns);

  // Learns from the rows of `batches` (all of one schema); columns y and id are not
  // features, and one without any value is left out with a warning. Data errors name a
  // column that cannot be a feature and say how to leave it out: opaque types, texts of
  // more than 1000 different values, infinities. The same rows give the same bits, however
  // they are cut into batches. What is constant but for rounding (see is_constant()) gets the scale 1; means
  // and variances are weighted by column sample_weight, where there is one.
  static Encoder fit(const Schema& schema, std::span<const Batch> batches, Scaling scaling);

  const std::vector<InputColumn>& columns() const { return *columns_; }
  std::int64_t width() const;
  Shape input_shape() const;                   // a single tensor keeps its shape; otherwise {width}
  std::vector<InputSegment> segments() const;  // of the width, a column each

  // Matches columns by name, in any order; other columns are ignored. Missing columns and
  // wrong types are data errors that name the column and what the model expects. A model
  // of one tensor takes the table's only tensor (besides y and id) under any name. Sparse rows (LIBSVM) fit
  // whatever their width: by their indices, with 0 for what is not there, and a warning that counts the
  // features that the model doesn't know. A model
  // whose columns are all numbers takes a tensor column `x` of as many elements as it has
  // columns, in their order, where the table doesn't have all of them by name. A
  // nullable column of the wrong scalar type is taken here, and must then be all missing in
  // encode(): readers guess a type for empty columns. Integers of any width, floats and
  // booleans are all numbers.
  BoundEncoder bind(const Schema& schema) const;

  // Of what all that were bound have encoded, also those of copies; null where no column has categories.
  UnknownCounts* unknown() const { return unknown_.get(); }

 private:
  std::shared_ptr<const std::vector<InputColumn>> columns_ = std::make_shared<std::vector<InputColumn>>();
  std::shared_ptr<UnknownCounts> unknown_;
};

// Learns the target from column y: integers, booleans and texts are classes, floats are
// numbers, and so are tensors of any type. With `standardize`, numbers get offset and
// scale. Missing or NaN targets are data errors naming the row, as are fewer than two or
// more than 10,000 classes; a table without y is a usage error.
Target fit_target(const Schema& schema, std::span<const Batch> batches, bool standardize);

// labels [batch.rows], overwritten: class index of each row of y; an unknown or missing
// class is a data error naming row and label, or -1 where `unknown_allowed`. Labels are
// compared as values: integers match texts of the same digits and whole floats.
void encode_labels(const Target& target, const Batch& batch, std::int32_t* labels,
                   bool unknown_allowed = false);
// targets [batch.rows, width], overwritten, scaled.
void encode_targets(const Target& target, const Batch& batch, float* targets);

}  // namespace nn::model
