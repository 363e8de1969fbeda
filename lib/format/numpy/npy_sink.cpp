#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <limits>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "format/numpy/npy.hpp"
#include "format/numpy/npy_header.hpp"
#include "format/sink_formats.hpp"

namespace nn::format {
namespace {

// The header is written again at the end, when the number of rows is known, so the file
// must be one to seek in.
class NpySink : public BatchSink {
 public:
  NpySink(OutputFile& file, const Schema& schema) : file_(file) {
    choose_columns(schema);
    start_ = ::lseek(file_.fd(), 0, SEEK_CUR);
    if (start_ < 0 || (::fcntl(file_.fd(), F_GETFL) & O_APPEND) != 0) {
      throw make_error(ErrorKind::usage,
                       "a .npy array can only be written to a file (its rows are counted first)")
          .within_file(file_.name())
          .advise("; use --to stream on a pipe");
    }
    // Room for a row count of 19 digits.
    Shape widest = shape_;
    widest.insert(widest.begin(), std::numeric_limits<std::int64_t>::max());
    header_size_ = npy_header(type_, widest).size();
    file_.write(header());
  }

  void write(const Batch& batch) override {
    if (copy_) {
      const Column& column = batch.columns[columns_[0].position];
      const auto bytes = static_cast<std::size_t>(batch.rows * columns_[0].elements) * size_of(type_);
      file_.write(std::span(column.data, bytes));
    } else {
      write_converted(batch);
    }
    rows_ += batch.rows;
  }

  void finish() override {
    const std::string text = header();
    std::size_t done = 0;
    while (done < text.size()) {
      const ssize_t n =
          ::pwrite(file_.fd(), text.data() + done, text.size() - done, start_ + static_cast<off_t>(done));
      if (n < 0 && errno != EINTR) fail_errno(file_.name());
      if (n > 0) done += static_cast<std::size_t>(n);
    }
  }

 private:
  struct InputColumn {
    std::size_t position;
    Field field;
    std::int64_t elements;
  };

  void choose_columns(const Schema& schema) {
    std::size_t considered = 0;
    for (std::size_t i = 0; i < schema.fields.size(); ++i) {
      const Field& field = schema.fields[i];
      if (field.type == DType::opaque) continue;
      ++considered;
      if (is_number(field.type)) {
        columns_.push_back({i, field, element_count(field.shape)});
      } else {
        warn("{}: column '{}' is text and left out: a .npy array holds numbers", file_.name(),
             printable(field.name));
      }
    }
    if (columns_.empty())
      throw make_error(ErrorKind::usage, "there is no column of numbers to write as a .npy array")
          .within_file(file_.name());
    if (considered == 1) {
      const Field& only = columns_[0].field;
      // Missing values need a type that has NaN.
      copy_ = !only.nullable;
      type_ = copy_ || only.type == DType::f32 ? only.type : DType::f64;
      shape_ = only.shape;
    } else {
      std::int64_t width = 0;
      for (const InputColumn& column : columns_) width += column.elements;
      type_ = DType::f64;
      shape_ = {width};
    }
  }

  std::string header() const {
    Shape shape = shape_;
    shape.insert(shape.begin(), rows_);
    return npy_header_of_size(type_, shape, header_size_);
  }

  template <typename T>
  void fill(const Batch& batch, T* out, std::int64_t width) const {
    for (const InputColumn& input : columns_) {
      const Column& column = batch.columns[input.position];
      for (std::int64_t row = 0; row < batch.rows; ++row) {
        const bool present = column.valid(row);
        for (std::int64_t e = 0; e < input.elements; ++e) {
          out[row * width + e] =
              present ? static_cast<T>(number_at(input.field.type, column.data, row * input.elements + e))
                      : std::numeric_limits<T>::quiet_NaN();
        }
      }
      out += input.elements;
    }
  }

  void write_converted(const Batch& batch) {
    const std::int64_t width = element_count(shape_);
    const auto bytes = static_cast<std::size_t>(batch.rows * width) * size_of(type_);
    values_.reserve_discarding(bytes);
    if (type_ == DType::f32) {
      fill(batch, values_.as<float>(), width);
    } else {
      fill(batch, values_.as<double>(), width);
    }
    file_.write(values_.bytes().first(bytes));
  }

  OutputFile& file_;
  std::vector<InputColumn> columns_;
  DType type_ = DType::f64;
  Shape shape_;  // of one row
  bool copy_ = false;
  std::int64_t rows_ = 0;
  off_t start_ = 0;
  std::size_t header_size_ = 0;
  Buffer values_;
};

}  // namespace

std::unique_ptr<BatchSink> make_npy_sink(OutputFile& file, const Schema& schema) {
  return std::make_unique<NpySink>(file, schema);
}

}  // namespace nn::format
