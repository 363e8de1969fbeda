// Readers of single files, one a format. source.hpp puts them together; nothing else
// should need them. Each takes its input over and throws data errors that name it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "format/bytes.hpp"
#include "format/source.hpp"
#include "format/text_column.hpp"
#include "tensor/batch.hpp"

namespace nn::format {

// One array: axis 0 is rows; becomes column `name` ("x", or "y" for labels), a tensor
// column of the other axes, or a scalar column when there is one axis. A mapped C-order
// little-endian array is used in place; a Fortran-order one is read whole.
std::unique_ptr<BatchSource> read_npy(std::unique_ptr<ByteInput> input, const std::string& name);

// Every member becomes a column under its own name, read in place where it is stored and
// inflated batch by batch where it is deflated. All must be arrays with as many rows.
// Those that are `unwanted`, by name, are not looked at.
std::unique_ptr<BatchSource> read_npz(std::shared_ptr<const MappedFile> file,
                                      const std::vector<std::string>& unwanted = {});

// IDX (the MNIST files): u8 stays u8, images keep their shape; becomes column `name`.
std::unique_ptr<BatchSource> read_idx(std::unique_ptr<ByteInput> input, const std::string& name);

// LIBSVM sparse text, "label index:value …": columns x (f32 [features]) and y (int64 when all labels are
// integers, else f64). The number of features is the largest index, and they count from 0 where there is an
// index 0 (options.zero_based): what the whole of the input and of the other files of options.inputs says;
// input that isn't mapped is read into memory for that. `features` > 0 fixes the width: larger indices are
// data errors, memory stays bounded, and the first MiB tells the rest on a pipe. `like` is the schema of the
// input before this one (borrowed for the call, null for the first), whose width and types hold here too.
// `qid:` and comments are skipped.
std::unique_ptr<BatchSource> read_libsvm(std::unique_ptr<ByteInput> input, const SourceOptions& options,
                                         const Schema* like = nullptr);

// JSON: an object a line, objects behind each other, or an array of objects. Keys are columns, those that the
// first rows have: numbers f64, texts categories, true and false booleans, arrays of numbers of one shape f64
// tensors; null and keys that a row lacks are missing values. `like` as above.
std::unique_ptr<BatchSource> read_json(std::unique_ptr<ByteInput> input, const SourceOptions& options,
                                       const Schema* like = nullptr);

// What the first bytes of JSON, about so many, show of its columns.
std::vector<ColumnSeen> columns_of_json(std::unique_ptr<ByteInput> input, const SourceOptions& options,
                                        std::size_t bytes);

// CSV/TSV on `readers` threads; the batches come in the order of the file.
std::unique_ptr<BatchSource> read_csv(std::unique_ptr<ByteInput> input, const SourceOptions& options);

}  // namespace nn::format
