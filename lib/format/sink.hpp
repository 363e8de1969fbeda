// Batches as a stream or as text for people and other programs.
#pragma once

#include <memory>
#include <string_view>

#include "base/enum_names.hpp"
#include "base/file.hpp"
#include "format/arrow/stream.hpp"
#include "tensor/batch.hpp"

namespace nn::format {

enum class OutputFormat { automatic, text, csv, tsv, json, npy, npz, stream };
const EnumNames<OutputFormat>& enum_names(OutputFormat);
OutputFormat parse_output_format(std::string_view name);

// The format that a file's name ends in: ".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".npy", ".npz",
// ".arrows"; automatic for any other. Usage error for an ending of what isn't written, which says what to do.
OutputFormat format_of_name(std::string_view path);

// Writes to `file` (borrowed; commit() stays with the caller, after finish()).
//   automatic  what its name ends in, see format_of_name(); else text when the file is a terminal, else
//   stream text   for people: aligned columns, a header line, numbers to 4 significant decimals; on a
//   terminal as many
//          columns as fit, and how many there are besides
//   csv    header line; quoting per RFC 4180; missing is empty; tensor column t of n elements: t_0 … t_{n-1},
//   or
//          their names in place of numbers where all have one (a class's, a target's), made different
//   tsv    the same with tabs
//   json   one object a row (JSON lines); tensors as nested arrays, or as csv has them where elements have
//   names;
//          missing and NaN as null
//   npy    one array: the only column, or all number columns side by side as f64 ([rows, width]);
//          text columns are left out with a warning, missing values are NaN (and make f64 of
//          integers). Needs a seekable file; on a pipe a usage error that suggests --to stream
//   npz    an array for each column of numbers, whose rows are kept until the end; others as npy has them
//   stream StreamWriter
// Text formats are flushed per batch. abandon() writes nothing in text formats.
std::unique_ptr<BatchSink> open_sink(OutputFormat format, OutputFile& file, const Schema& schema,
                                     StreamLimits limits = {});

}  // namespace nn::format
