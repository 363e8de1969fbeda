#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "format/numpy/npy.hpp"
#include "format/numpy/npy_header.hpp"
#include "format/sink_formats.hpp"
#include "tensor/exact_number.hpp"

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
    if (copy_ && has_missing(batch)) widen();
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
    write_at(std::as_bytes(std::span(text)), start_);
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
      copy_ = true;
      type_ = only.type;
      shape_ = only.shape;
    } else {
      std::int64_t width = 0;
      for (const InputColumn& column : columns_) width += column.elements;
      type_ = DType::f64;
      shape_ = {width};
    }
  }

  bool has_missing(const Batch& batch) const {
    const Column& column = batch.columns[columns_[0].position];
    for (std::int64_t row = 0; column.validity != nullptr && row < batch.rows; ++row) {
      if (!column.valid(row)) return true;
    }
    return false;
  }

  // Missing values need a type that has NaN: what was written is read again, from its end, and written as
  // that.
  void widen() {
    const DType from = type_;
    copy_ = false;
    if (from == DType::f32 || from == DType::f64) return;
    type_ = DType::f64;
    constexpr std::int64_t block = 1 << 16;
    const off_t data = start_ + static_cast<off_t>(header_size_);
    std::vector<std::byte> narrow(static_cast<std::size_t>(block) * size_of(from));
    std::vector<double> wide(static_cast<std::size_t>(block));
    for (std::int64_t end = rows_ * columns_[0].elements; end > 0;) {
      const std::int64_t first = std::max<std::int64_t>(0, end - block);
      const std::span part(narrow.data(), static_cast<std::size_t>(end - first) * size_of(from));
      read_at(part, data + first * static_cast<off_t>(size_of(from)));
      for (std::int64_t i = first; i < end; ++i) {
        wide[static_cast<std::size_t>(i - first)] =
            exact_double(columns_[0], narrow.data(), i - first, i / columns_[0].elements);
      }
      const std::span doubles(wide.data(), static_cast<std::size_t>(end - first));
      write_at(std::as_bytes(doubles), data + first * static_cast<off_t>(sizeof(double)));
      end = first;
    }
    if (::lseek(file_.fd(), data + rows_ * columns_[0].elements * static_cast<off_t>(sizeof(double)),
                SEEK_SET) < 0)
      fail_errno(file_.name());
  }

  void read_at(std::span<std::byte> bytes, off_t at) const {
    while (!bytes.empty()) {
      const ssize_t n = ::pread(file_.fd(), bytes.data(), bytes.size(), at);
      if (n == 0 || (n < 0 && errno != EINTR)) fail_errno(file_.name());
      if (n < 0) continue;
      bytes = bytes.subspan(static_cast<std::size_t>(n));
      at += n;
    }
  }

  void write_at(std::span<const std::byte> bytes, off_t at) const {
    while (!bytes.empty()) {
      const ssize_t n = ::pwrite(file_.fd(), bytes.data(), bytes.size(), at);
      if (n < 0 && errno != EINTR) fail_errno(file_.name());
      if (n < 0) continue;
      bytes = bytes.subspan(static_cast<std::size_t>(n));
      at += n;
    }
  }

  // A whole number that a double doesn't have is refused.
  double exact_double(const InputColumn& input, const std::byte* data, std::int64_t i,
                      std::int64_t row) const {
    const DType type = input.field.type;
    if (const auto value = exact_number_at(type, data, i)) return *value;
    const std::string digits = type == DType::u64
                                   ? std::to_string(reinterpret_cast<const std::uint64_t*>(data)[i])
                                   : std::to_string(reinterpret_cast<const std::int64_t*>(data)[i]);
    throw data_error("row {}, column '{}': {} has more digits than the 64-bit floats of the array keep", row,
                     printable(input.field.name), digits)
        .within_file(file_.name())
        .advise("; --select it alone, without missing values, or write a stream");
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
              present
                  ? static_cast<T>(exact_double(input, column.data, row * input.elements + e, rows_ + row))
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
