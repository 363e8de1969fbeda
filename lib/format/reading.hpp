// Between the options by which a table is read and what is kept of them.
#pragma once

#include <string>
#include <string_view>

#include "format/source.hpp"
#include "table/reading.hpp"
#include "tensor/batch.hpp"

namespace nn::format {

// The key of a schema's metadata under which streams keep the reading of the text that they were made from.
inline constexpr std::string_view reading_key = "nn.reading";

// What `options` say of a table of text, without names of columns.
table::Reading text_reading(const SourceOptions& options);

// How the table of `schema`, which was read by `options`, was read where it was text: here, or by who made a
// stream of it; and where its y and id came from. Data error where a stream's reading is none.
table::Reading reading_of(const SourceOptions& options, const Schema& schema);

// A reading as an object of JSON. Its texts are UTF-8. Streams keep it without the names of columns, which
// their own columns have.
std::string reading_to_json(const table::Reading& reading);
// Data error where `text`, which may be anything, is none. What it doesn't know it passes over.
table::Reading reading_from_json(std::string_view text);

// Fills in what `options` don't say. The columns that became y and id are taken where a table has them by
// name.
void take_reading(SourceOptions& options, const table::Reading& reading);

// Adds the columns of `schema` that a text can have, numbers and texts: another text's columns of these names
// are read as such.
void take_columns(SourceOptions& options, const Schema& schema);

}  // namespace nn::format
