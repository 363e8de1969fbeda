// Cuts CSV input at record ends into chunks that can be parsed independently.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "format/bytes.hpp"
#include "format/csv/text.hpp"

namespace nn::format {

inline constexpr std::size_t csv_chunk_bytes = 256 << 10;  // aimed at; longer only for long records

struct CsvChunk {
  std::string_view text;
  // Why the text may end within a record: the input ended, or the record is over the limit.
  bool last = false;
  bool overlong = false;
  std::shared_ptr<const void> owner;  // of the text
};

// Order of calls: set_dialect() before next(); peek() and advance() before the first next().
// One thread.
class CsvChunks {
 public:
  virtual ~CsvChunks() = default;

  void set_dialect(CsvDialect dialect) { dialect_ = std::move(dialect); }
  const CsvDialect& dialect() const { return dialect_; }
  // Chunks of about so many bytes, from the next one on.
  void set_aim(std::size_t bytes) { aim_ = bytes; }

  // The text ahead: at least `bytes` of it unless the input ends earlier. Valid until the next call.
  virtual std::string_view peek(std::size_t bytes) = 0;
  // Passes over what peek() showed.
  virtual void advance(std::size_t bytes) = 0;
  virtual std::optional<CsvChunk> next() = 0;
  // The whole input lies in memory: chunks cost nothing to cut.
  virtual bool mapped() const = 0;

 protected:
  explicit CsvChunks(std::size_t aim) : aim_(aim) {}
  CsvDialect dialect_;
  std::size_t aim_;
};

// Records over `limit` bytes are cut off and marked overlong. Chunks are cut at about `aim`
// bytes; what a reader gives doesn't depend on it.
std::unique_ptr<CsvChunks> cut_chunks(std::unique_ptr<ByteInput> input, std::size_t limit,
                                      std::size_t aim = csv_chunk_bytes);

}  // namespace nn::format
