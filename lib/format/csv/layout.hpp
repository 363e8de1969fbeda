// The layout of a CSV file, which its first lines decide: its dialect, its columns and their types.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "format/csv/chunks.hpp"
#include "format/csv/styled_number.hpp"
#include "format/source.hpp"
#include "format/text_column.hpp"
#include "tensor/batch.hpp"

namespace nn::format {

enum class CsvKind : std::uint8_t {
  number,    // f64
  category,  // texts, few different ones
  text,      // utf8: a text column that becomes the id
  left_out,  // not parsed: opaque in the schema
};

struct CsvColumn {
  CsvKind kind = CsvKind::number;
  NumberStyle style = NumberStyle::plain;  // of numbers
  bool exact = false;                      // a whole number that would be rounded is an error
  bool words_said = false;                 // that words stand for missing values here
  bool known = false;                      // its kind is what a model knows
  bool is_y = false;                       // rows without a value are findings
  std::string_view why = "the column was numeric before";
};

struct CsvLayout {
  std::vector<CsvColumn> columns;
  std::shared_ptr<const Schema> schema;
  std::int64_t lines = 0;  // in front of the first row
  std::size_t most_row_bytes = SIZE_MAX;
};

// Reads what is in front of the first row and passes over it. `like` is the schema of the
// input before this one, or null: where it could have come from CSV, its types hold here
// too. Data errors begin with `name`.
CsvLayout read_csv_layout(CsvChunks& chunks, const SourceOptions& options, const std::string& name,
                          const Schema* like);

// What the first `bytes` bytes or thousand rows of an input show of its columns, whatever the options say of
// them.
// Nothing is said on the way.
std::vector<ColumnSeen> columns_of_csv(CsvChunks& chunks, const SourceOptions& options,
                                       const std::string& name, std::size_t bytes);

CsvDialect csv_dialect(const SourceOptions& options);

}  // namespace nn::format
