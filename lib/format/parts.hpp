// All parts of a split in one pass, each to its own sink.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "format/source.hpp"
#include "table/rows.hpp"

namespace nn::format {

// `path` may have "{}" in place of the name of a part; the second gives the path of that part's file.
bool names_parts(std::string_view path);
std::string file_of_part(std::string_view path, std::string_view part);

// Usage errors for what writing all parts at once cannot do.
void check_parts(const SourceOptions& options);

// How the options split rows, and the same options for all rows as table::parted_rows() takes them.
table::Splitting splitting_of(const table::RowOptions& rows);
SourceOptions unsplit(SourceOptions options);

// Sends each row to the sink of its part, numbered anew; rows of no part are left out.
// Then finish(); on an error abandon() to all of them, and it is thrown on.
void copy_parts(table::PartedRows& rows, std::span<const std::unique_ptr<BatchSink>> sinks);

}  // namespace nn::format
