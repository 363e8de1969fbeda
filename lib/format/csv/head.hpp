// What stands in front of a CSV text's first row, and how the text is written. For this module only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "format/csv/chunks.hpp"
#include "format/source.hpp"
#include "tensor/batch.hpp"

namespace nn::format {

struct CsvHead {
  std::vector<std::string> names;
  std::string_view rows;   // those that were looked at; valid until the chunks are asked for more
  std::int64_t lines = 0;  // in front of the first row
};

struct CsvLookOptions {
  std::size_t bytes = 1 << 20;  // of rows to look at
  std::int64_t rows = 1000;     // and more bytes where they are fewer rows
  bool quiet = false;           // what is decided isn't said
};

// Decides the dialect of `chunks` and passes over all that is in front of the first row. `like` is the schema
// of the input before this one, or null. Data errors begin with `name`.
CsvHead read_csv_head(CsvChunks& chunks, const SourceOptions& options, const std::string& name,
                      const Schema* like, CsvLookOptions look);

}  // namespace nn::format
