#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "format/numpy/npy.hpp"
#include "format/sink_formats.hpp"
#include "tensor/exact_number.hpp"

namespace nn::format {
namespace {

// An array for each column of numbers. Each lies in the file as a whole, so that all of them are kept until
// the end.
class NpzSink : public BatchSink {
 public:
  NpzSink(OutputFile& file, const Schema& schema) : file_(file), writer_(file) {
    for (std::size_t i = 0; i < schema.fields.size(); ++i) {
      const Field& field = schema.fields[i];
      if (is_number(field.type)) arrays_.push_back({i, field, {}, {}});
      if (is_text(field.type)) {
        warn("{}: column '{}' is text and left out: a .npz archive holds arrays of numbers", file.name(),
             printable(field.name));
      }
    }
    if (arrays_.empty())
      throw make_error(ErrorKind::usage, "there is no column of numbers to write as an array")
          .within_file(file.name());
  }

  void write(const Batch& batch) override {
    for (Array& array : arrays_) {
      const Column& column = batch.columns[array.position];
      const auto bytes =
          static_cast<std::size_t>(batch.rows * element_count(array.field.shape)) * size_of(array.field.type);
      array.values.insert(array.values.end(), column.data, column.data + bytes);
      for (std::int64_t row = 0; column.validity != nullptr && row < batch.rows; ++row) {
        if (!column.valid(row)) array.missing.push_back(rows_ + row);
      }
    }
    rows_ += batch.rows;
  }

  void finish() override {
    for (Array& array : arrays_) {
      Shape shape = array.field.shape;
      shape.insert(shape.begin(), rows_);
      if (array.missing.empty()) {
        writer_.add(array.field.name, array.field.type, shape, array.values);
      } else {
        const std::vector<double> values = with_nan(array);
        writer_.add(array.field.name, DType::f64, shape, std::as_bytes(std::span(values)));
      }
      array = {};
    }
    writer_.finish();
  }

 private:
  struct Array {
    std::size_t position;
    Field field;
    std::vector<std::byte> values;
    std::vector<std::int64_t> missing;  // rows, ascending
  };

  std::vector<double> with_nan(const Array& array) const {
    const std::int64_t width = element_count(array.field.shape);
    std::vector<double> values(static_cast<std::size_t>(rows_ * width));
    std::size_t next = 0;
    for (std::int64_t row = 0; row < rows_; ++row) {
      const bool missing = next < array.missing.size() && array.missing[next] == row;
      next += missing;
      for (std::int64_t e = row * width; e < (row + 1) * width; ++e) {
        const auto value = missing ? std::numeric_limits<double>::quiet_NaN()
                                   : exact_number_at(array.field.type, array.values.data(), e);
        if (!value) {
          throw data_error(
              "row {}, column '{}': a whole number of more than 53 bits, where missing values make the "
              "column "
              "one of float64",
              row, printable(array.field.name))
              .within_file(file_.name());
        }
        values[static_cast<std::size_t>(e)] = *value;
      }
    }
    return values;
  }

  OutputFile& file_;
  NpzWriter writer_;
  std::vector<Array> arrays_;
  std::int64_t rows_ = 0;
};

}  // namespace

std::unique_ptr<BatchSink> make_npz_sink(OutputFile& file, const Schema& schema) {
  return std::make_unique<NpzSink>(file, schema);
}

}  // namespace nn::format
