// Tables in memory: a schema, and batches of rows in columns. This is what every
// reader produces, every stream carries and every tool consumes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/memory.hpp"
#include "tensor/dictionary.hpp"
#include "tensor/dtype.hpp"

namespace nn {

// Ordered key-value pairs, as Arrow has them. Finding and setting take at most logarithmic time, since
// streams from outside may bring as many pairs as they like; erasing takes linear time.
class Metadata {
 public:
  const std::string* find(std::string_view key) const;
  void set(std::string_view key, std::string value);  // replaces
  void erase(std::string_view key);
  const std::vector<std::pair<std::string, std::string>>& pairs() const { return pairs_; }
  bool operator==(const Metadata& other) const { return pairs_ == other.pairs_; }

 private:
  std::size_t position(std::string_view key) const;  // pairs_.size() where it isn't there
  void number();

  std::vector<std::pair<std::string, std::string>> pairs_;
  // Positions of keys, once there are too many to look at each.
  std::map<std::string, std::size_t, std::less<>> positions_;
};

// Shape of one row's value: empty for a scalar, {28, 28} for an image.
using Shape = std::vector<std::int64_t>;
std::int64_t element_count(const Shape& shape);  // 1 for a scalar
std::string to_string(const Shape& shape);       // "[28,28]"; "scalar" when empty

struct Field {
  std::string name;
  DType type = DType::f32;
  Shape shape;            // only numbers have one
  bool nullable = false;  // batches may have missing values
  Metadata metadata;
  std::string foreign_type;  // what the stream called an opaque type ("timestamp"), for messages
};

struct Schema {
  std::vector<Field> fields;
  Metadata metadata;
  // Position of the field, or nothing.
  std::optional<std::size_t> find(std::string_view name) const;
};

// One column of a batch: a view with a share in the memory it looks at.
// Element e of row r is at data[(r * element_count + e) * size_of(type)], contiguous,
// with data aligned to the element type at least (64 bytes when it came from a stream
// of ours and was not sliced).
struct Column {
  const std::byte* data = nullptr;         // utf8: the text bytes; opaque: null
  const std::int32_t* offsets = nullptr;   // utf8 only: rows + 1 of them, into data
  const std::uint8_t* validity = nullptr;  // bit r + validity_offset is 1 where present; null: all present
  std::int64_t validity_offset = 0;
  std::shared_ptr<const Dictionary> dictionary;  // category only; indices of present rows are in range
  std::shared_ptr<const void> owner;             // keeps all of the above alive

  template <typename T>
  const T* as() const {
    return reinterpret_cast<const T*>(data);
  }
  bool valid(std::int64_t row) const {
    if (validity == nullptr) return true;
    const std::int64_t bit = row + validity_offset;
    return (validity[bit >> 3] >> (bit & 7) & 1) != 0;
  }
  std::string_view text(std::int64_t row) const {  // utf8 only, present rows
    return {as<char>() + offsets[row], static_cast<std::size_t>(offsets[row + 1] - offsets[row])};
  }
};

// Some consecutive rows. Columns stand in the order of schema->fields.
struct Batch {
  std::shared_ptr<const Schema> schema;
  std::int64_t first_row = 0;  // identity of row 0: rows keep it through every tool
  std::int64_t rows = 0;
  std::vector<Column> columns;
  // [rows], of rows that were chosen from others or numbered anew: the numbers that they had at first. Null:
  // they have none but those from first_row on.
  std::shared_ptr<const std::int64_t> numbers = nullptr;

  // What messages call a row: its number in the table that was read, whatever has been left out since.
  std::int64_t number_of(std::int64_t row) const {
    return numbers != nullptr ? numbers.get()[row] : first_row + row;
  }
};

// The same rows, numbered from `first_row` on.
Batch renumbered(Batch batch, std::int64_t first_row);

// `column` from row `first` on, and rows [first, first + count) of `batch`; memory is shared.
Column slice(const Field& field, const Column& column, std::int64_t first);
Batch slice(const Batch& batch, std::int64_t first, std::int64_t count);

// Copies the given rows (in the given order) into fresh, aligned memory.
Column take(const Field& field, const Column& column, std::span<const std::int64_t> rows);

// A column over memory that it takes over: `values` holds rows * element_count elements.
Column make_column(Buffer values);

// Element `index` (row * element_count + e) of a number column as a double; f16 is widened.
double number_at(DType type, const std::byte* data, std::int64_t index);

// The present value of a scalar row as text: what CSV shows. Numbers print the
// shortest digits that read back as the same value.
std::string value_text(const Field& field, const Column& column, std::int64_t row);

// Rows of a batch where nothing else says how many.
inline constexpr std::int64_t usual_batch_rows = 1024;

// A source of batches: a file, a pipe, another source with rows left out.
// One thread at a time. The schema is known, and does not change, from construction on.
class BatchSource {
 public:
  virtual ~BatchSource() = default;
  virtual const std::shared_ptr<const Schema>& schema() const = 0;
  // The next batch (rows > 0), or nothing at the end. Throws Error on bad input; after
  // that, and after the end, it must not be called again.
  virtual std::optional<Batch> next() = 0;
  // Rows in all, where that is known without reading them.
  virtual std::optional<std::int64_t> total_rows() const { return std::nullopt; }
};

// A sink of batches.
class BatchSink {
 public:
  virtual ~BatchSink() = default;
  virtual void write(const Batch& batch) = 0;
  virtual void finish() = 0;  // the product is complete; nothing follows
  // The producer failed: readers downstream must not mistake what they got for all.
  virtual void abandon(std::string_view /*message*/) {}
};

// Moves everything from source to sink: write()…, then finish(); on an exception
// abandon() and throw on.
void copy_batches(BatchSource& source, BatchSink& sink);

}  // namespace nn
