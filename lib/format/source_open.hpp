// Opens single inputs, whatever their format, and reads several as one.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "format/csv/layout.hpp"
#include "format/source.hpp"
#include "table/rows.hpp"
#include "tensor/batch.hpp"

namespace nn::format {

// The format that the first bytes and the name of an input say it has. `head` holds at
// least the first 8 bytes, for texts the first lines, as far as the input goes.
FileFormat detect_format(std::string_view head, const std::string& name);

// Opens input number `index` with its labels file, if there is one; `like` is the schema
// of the first input, null for the first itself.
table::SourcePtr open_one(const SourceOptions& options, std::size_t index, const Schema* like);

// What the first `bytes` bytes of input number `index` show of its columns, where it is text.
std::vector<ColumnSeen> columns_seen_in(const SourceOptions& options, std::size_t index, std::size_t bytes);

// Whether the input is a regular file, which can be read again and never makes us wait.
bool is_regular_file(const std::string& path);

// All inputs as one table, categories numbered alike throughout, rows numbered in order.
table::SourcePtr open_all(const SourceOptions& options);

// Reads the inputs of `open` (0 … count-1) ahead on `threads` threads, the first of them
// being `first`; what is ahead stays within `bytes`. In order, whatever the threads do.
class InputsAhead {
 public:
  using Open = std::function<table::SourcePtr(std::size_t index)>;
  InputsAhead(table::SourcePtr first, Open open, std::size_t count, int threads, std::size_t bytes);
  ~InputsAhead();
  // Schema of the input at hand; waits until it is open. Throws its error.
  std::shared_ptr<const Schema> schema(std::size_t index);
  // Its next batch, or nothing at its end. Inputs are asked in order.
  std::optional<Batch> next(std::size_t index);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nn::format
