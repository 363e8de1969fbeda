// The rows of a request, as a protocol's reader fills them in and a model takes them.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/memory.hpp"
#include "inference/signature.hpp"
#include "tensor/batch.hpp"

namespace nn::inference {

// Keeps its memory from one request to the next, so that nothing is allocated when they are alike. One
// thread; must not move while a batch of it is used.
//
// Order of calls: begin() (a value function)* finish() batch().
class Rows {
 public:
  // Forgets what was there. Rows will have the signature's table of that form, whose tensor, where it has
  // one, has elements of that type (f32 and f64 always; u8 for models of tensors). The signature must outlive
  // the batch. What would make them more than `most_bytes` is a data error, before there is memory for it.
  void begin(const Signature& signature, Signature::Form form, DType tensor_type,
             std::uint64_t most_bytes = std::numeric_limits<std::uint64_t>::max());

  // A tensor's or a number column's elements, row-major: room for `count` of them from the first row on,
  // which the caller fills in; those that were there stay, so that it can be called again when more come.
  // Tensors have the type that begin() got, number columns are f64. A NaN among numbers is a missing value.
  std::span<float> floats(std::size_t column, std::size_t count);
  std::span<double> doubles(std::size_t column, std::size_t count);
  std::span<std::uint8_t> bytes(std::size_t column, std::size_t count);
  // Appends an element to a column of texts or numbers; missing() is JSON's null, and a missing value, which
  // tensors of models that take tensors can't have (data error).
  void add_text(std::size_t column, std::string_view text);
  void add_number(std::size_t column, double value);
  void add_missing(std::size_t column);
  // Appends the first row of another's column, which has the same schema.
  void add_first_of(const Rows& from, std::size_t column);
  // What is known of a column of the table: its name, type and shape.
  const Field& field(std::size_t column) const { return schema().fields[column]; }
  std::size_t columns() const { return schema().fields.size(); }
  const Schema& schema() const { return *batch_.schema; }
  // The column's position in the table; nothing where there is none of that name.
  std::optional<std::size_t> find(std::string_view name) const;

  // Data error where columns don't have `rows` rows each, or where there is no row.
  void finish(std::int64_t rows);

  const Signature& signature() const { return *signature_; }
  std::size_t table_number() const { return table_number_; }
  // What its rows take in memory.
  std::uint64_t bytes() const { return bytes_; }
  // Views of this object's memory: they keep nothing alive.
  const Batch& batch() const { return batch_; }

 private:
  struct ColumnStore {
    Buffer memory;          // elements, or the bytes of texts
    std::size_t bytes = 0;  // of them that are used
    std::vector<std::int32_t> offsets;
    std::vector<std::uint8_t> validity;
    bool any_missing = false;
  };
  void take(std::uint64_t bytes);
  std::byte* resize(ColumnStore& store, std::size_t bytes);
  void add_present(ColumnStore& store, bool present);
  const Signature* signature_ = nullptr;
  Signature::Form form_ = Signature::Form::columns;
  std::size_t table_number_ = 0;
  std::uint64_t bytes_ = 0, most_bytes_ = 0;
  std::vector<ColumnStore> columns_;
  Batch batch_;
};

// Data error: the rows would be more than that.
[[noreturn]] void fail_most_bytes(std::uint64_t most_bytes);

// What was computed, for a protocol's writer. A view.
struct Answers {
  const Signature* signature = nullptr;
  std::int64_t rows = 0;
  std::span<const float> values;              // [rows, kind().width()]
  std::span<const std::int32_t> labels = {};  // the class of each row; empty: that of its largest value
};

}  // namespace nn::inference
