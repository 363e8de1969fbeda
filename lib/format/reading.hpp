// Between the options by which a table is read and what is kept of them.
#pragma once

#include "format/source.hpp"
#include "table/reading.hpp"
#include "tensor/batch.hpp"

namespace nn::format {

// What `options` say of a table of text, and where y and id of `schema`, which was read by them, came from.
table::Reading reading_of(const SourceOptions& options, const Schema& schema);

// Fills in what `options` don't say. The columns that became y and id are taken where a table has them by
// name.
void take_reading(SourceOptions& options, const table::Reading& reading);

// Adds the columns of `schema` that a text can have, numbers and texts: another text's columns of these names
// are read as such.
void take_columns(SourceOptions& options, const Schema& schema);

}  // namespace nn::format
