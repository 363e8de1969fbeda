// The columns of a table of JSON objects, which its first rows decide. For this module only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_cursor.hpp"
#include "format/lines.hpp"
#include "format/source.hpp"
#include "format/text_column.hpp"
#include "tensor/batch.hpp"

namespace nn::format {

// Objects may hold arrays of arrays, no deeper than this.
inline constexpr std::size_t deepest_json = 32;

// The rows of so many bytes, and one at least, decide what columns there are.
inline constexpr std::size_t looked_at_json = 8 << 20;

enum class JsonKind : std::uint8_t {
  number,    // f64
  boolean,   // one that is only true and false
  category,  // texts; numbers beside texts as they are written
  text,      // utf8: what becomes the id
  tensor,    // f64, arrays of one shape
  nested,    // objects, and arrays that are no tensors: opaque in the schema
  left_out,  // not read: opaque without a foreign type
};

struct JsonColumn {
  std::string name;
  JsonKind kind = JsonKind::number;
  Shape shape;         // tensors
  bool exact = false;  // a whole number that would be rounded is an error
  bool is_y = false;   // rows without a value are findings
};

struct JsonLayout {
  std::vector<JsonColumn> columns;
  std::map<std::string, std::size_t, std::less<>> positions;  // of their names
  std::shared_ptr<const Schema> schema;
  std::int64_t rows = 0;  // that were looked at
};

// Reads ahead and decides. `like` is the schema of the input before this one, or null: where it could have
// come from JSON, its types hold here too. Faults of the text are left to the parser.
JsonLayout read_json_layout(LineReader& lines, const SourceOptions& options, const Schema* like);

// What the lines ahead show of their columns, about so many bytes of them.
std::vector<ColumnSeen> columns_of_json(LineReader& lines, std::size_t bytes);

// The shape of the array of numbers that is next; nothing where it is none, or ragged. The array is passed
// over.
std::optional<Shape> pass_array(JsonCursor& cursor);

}  // namespace nn::format
