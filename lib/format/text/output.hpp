// Values as text, and the buffer in front of a text file. For the sinks of this module only.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/file.hpp"
#include "tensor/batch.hpp"

namespace nn::format {

class TextBuffer {
 public:
  void add(char c) { bytes_.push_back(c); }
  void add(std::string_view text) { bytes_.append(text.data(), text.data() + text.size()); }
  // For fmt::format_to().
  fmt::appender end() { return fmt::appender(bytes_); }
  void clear() { bytes_.clear(); }
  std::size_t size() const { return bytes_.size(); }
  std::string_view view() const { return {bytes_.data(), bytes_.size()}; }

 private:
  fmt::memory_buffer bytes_;
};

// Appends element `index` of a number column, in the shortest digits that read back as
// the same value; "nan", "inf" and "-inf" otherwise. Booleans are 0 and 1.
using NumberWriter = void (*)(TextBuffer& out, const std::byte* data, std::int64_t index);
NumberWriter plain_number_writer(DType type);
// JSON's: what isn't finite is null, booleans are true and false.
NumberWriter json_number_writer(DType type);
// For people: integers in full, others to four digits.
NumberWriter short_number_writer(DType type);

// The text of a present row of a text column.
std::string_view text_at(const Field& field, const Column& column, std::int64_t row);

// A column of a table that is written as text.
struct TextColumn {
  std::size_t position;  // among the table's columns
  Field field;
  std::int64_t elements;      // of a row
  NumberWriter write_number;  // null for texts
  std::int64_t first = 0, stride = 1;

  // Of element `e`, for write_number.
  std::int64_t index_of(std::int64_t row, std::int64_t e = 0) const { return row * stride + first + e; }
};
// All columns but opaque ones; `writer_of` chooses how numbers are written. A tensor of at most `most_named`
// elements that have names becomes a column for each, proba_setosa, where these names are no other column's.
std::vector<TextColumn> text_columns(const Schema& schema, NumberWriter (*writer_of)(DType),
                                     std::int64_t most_named = INT64_MAX);

// Sinks that write text: a buffer that goes to the file when it is full.
class TextSink : public BatchSink {
 public:
  void finish() override { flush(); }

 protected:
  explicit TextSink(OutputFile& file) : file_(file) {}
  void flush();
  void flush_when_full() {
    if (out_.size() >= full) flush();
  }

  TextBuffer out_;

 private:
  static constexpr std::size_t full = 256u << 10;
  OutputFile& file_;
};

}  // namespace nn::format
