// What a version of a model takes and answers, in the words of inference protocols.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "inference/datatype.hpp"
#include "predict/predictions.hpp"
#include "serving/servable.hpp"

namespace nn::inference {

struct TensorSpec {
  std::string name;
  DataType type = DataType::fp32;
  Shape shape;  // of one row: the batch comes before it
};

// Constant once it is made: any thread. It keeps nothing of the servable.
class Signature {
 public:
  explicit Signature(const serving::Servable& servable);

  // How rows may come.
  //   matrix: the model's columns are all numbers, and the rows come as one tensor `x` [n, columns], in their
  //           order; or the model takes one tensor, which then is that one.
  //   columns: a tensor [n] for each column (BYTES for texts), or a tensor [n, …shape] for columns that are
  //           tensors.
  enum class Form : std::uint8_t { matrix, columns };
  // The form in which the model is described: matrix where there is one.
  Form form() const { return form_; }
  bool takes(Form form) const { return form == form_ || form == Form::columns; }
  // The width of a row of the matrix.
  std::int64_t matrix_width() const { return matrix_width_; }
  // Whether rows of that input may have elements of that type: numbers of any type where a column is one
  // number a row, BYTES where it is a text; a tensor's own type, and UINT8 where the model takes tensors.
  bool accepts(const TensorSpec& input, DataType type) const;

  // What is described to clients, and what is taken besides where form() is matrix.
  const std::vector<TensorSpec>& inputs() const { return form_ == Form::matrix ? matrix_ : columns_; }
  const std::vector<TensorSpec>& columns() const { return columns_; }
  // A column's position; nothing where there is none of that name. In logarithmic time.
  std::optional<std::size_t> find_column(std::string_view name) const;
  // proba [classes] and label (INT64, or BYTES where classes have names), or value [shape].
  const std::vector<TensorSpec>& outputs() const { return outputs_; }
  const predict::PredictionKind& kind() const { return kind_; }
  // Of integer classes.
  const std::vector<std::int64_t>& class_numbers() const { return class_numbers_; }

  // The tables that rows of requests are (rows.hpp): for each form, and for the type of the tensor where
  // there is one, a schema that stays the same object, so that bindings to it can be kept. The number of a
  // table is below table_count.
  static constexpr std::size_t table_count = 6;
  // tensor_type: f32, f64 or u8.
  std::size_t table_number(Form form, DType tensor_type) const;
  const std::shared_ptr<const Schema>& table(std::size_t number) const { return tables_[number]; }

 private:
  Form form_ = Form::columns;
  std::int64_t matrix_width_ = 0;
  bool numbers_ = false;  // the matrix is of columns that are numbers
  std::vector<TensorSpec> matrix_, columns_, outputs_;
  std::vector<std::size_t> by_name_;  // positions of columns
  predict::PredictionKind kind_;
  std::vector<std::int64_t> class_numbers_;
  std::vector<std::shared_ptr<const Schema>> tables_;
};

}  // namespace nn::inference
