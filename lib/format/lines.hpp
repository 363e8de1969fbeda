// Lines of text, for the formats that have a row a line. For this module only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "format/bytes.hpp"

namespace nn::format {

// Lines of a mapped file in place, or of a pipe piece by piece. A byte order mark is passed over. One thread.
class LineReader {
 public:
  // Lines over `longest` bytes are data errors.
  LineReader(std::unique_ptr<ByteInput> input, std::size_t longest);

  const std::string& name() const { return input_->name(); }
  std::size_t longest() const { return longest_; }
  std::int64_t line_number() const { return number_; }  // of the line that next() gave
  bool complete() const { return complete_; }           // all of the input was read
  std::string_view rest() const { return rest_; }       // what was read and not yet taken

  void load_all();
  // Reads on until so many bytes are ahead, or all there are.
  void load(std::size_t bytes);
  // The line is good until the next call of anything that reads.
  bool next(std::string_view& line);

 private:
  void refill();
  [[noreturn]] void fail_length(std::int64_t line) const;

  std::unique_ptr<ByteInput> input_;
  std::size_t longest_;
  std::shared_ptr<const MappedFile> file_;
  std::string buffer_;
  std::string_view rest_;
  std::int64_t number_ = 0;
  bool complete_ = false, began_ = false;
};

}  // namespace nn::format
