// Turns a chunk of CSV text into columns. Chunks know nothing of each other: texts get
// numbers within the chunk, which the reader maps to the whole file's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/memory.hpp"
#include "format/buffer_pool.hpp"
#include "format/csv/layout.hpp"
#include "table/text_index.hpp"

namespace nn::format {

struct ParsedColumn {
  double* numbers = nullptr;           // CsvKind::number
  std::int32_t* indices = nullptr;     // category: into texts
  std::int32_t* offsets = nullptr;     // text
  std::vector<char> bytes;             // text
  table::TextIndex texts;              // category
  std::vector<std::uint8_t> validity;  // empty: all present
};

// What was read into a cell that may be meant otherwise.
struct CsvNote {
  enum class What : std::uint8_t {
    word,     // stands for a missing number
    rounded,  // a whole number of more digits than a double has
    empty,    // quotes with nothing between are a text
  };
  What what;
  std::size_t column;
  std::int64_t line;  // below the chunk's start
  std::string text;
};

struct ParsedChunk {
  std::int64_t rows = 0;
  std::int64_t lines = 0;  // line ends in the chunk
  std::vector<ParsedColumn> columns;
  std::shared_ptr<Buffer> values;                                 // what the columns point into
  std::vector<CsvNote> notes;                                     // one of each kind a column at most
  std::vector<std::pair<std::int64_t, std::int64_t>> unlabelled;  // rows without a label, and their lines
  std::optional<CsvFault> fault;                                  // then nothing else counts
};

ParsedChunk parse_csv_chunk(const CsvChunk& chunk, const CsvLayout& layout, const CsvDialect& dialect,
                            BufferPool& pool);

}  // namespace nn::format
