// Readers of single files, one a format. source.hpp puts them together; nothing else
// should need them. Each takes its input over and throws data errors that name it.
#pragma once

#include <memory>
#include <string>

#include "format/bytes.hpp"
#include "format/source.hpp"
#include "tensor/batch.hpp"

namespace nn {

// Row count of the batches that these readers cut.
inline constexpr std::int64_t reader_batch_rows = 1024;

// One array: axis 0 is rows; becomes column `name` ("x", or "y" for labels), a tensor
// column of the other axes, or a scalar column when there is one axis. A mapped C-order
// little-endian array is used in place; a Fortran-order one is read whole.
std::unique_ptr<BatchSource> read_npy(std::unique_ptr<ByteInput> input, const std::string& name);

// Every member becomes a column under its own name; all must have as many rows. When the
// only members are X and y or x_train-like names, they keep them: --label/--target choose.
std::unique_ptr<BatchSource> read_npz(const std::string& path);

// IDX (the MNIST files): u8 stays u8, images keep their shape; becomes column `name`.
std::unique_ptr<BatchSource> read_idx(std::unique_ptr<ByteInput> input, const std::string& name);

// LIBSVM sparse text, "label index:value …", indices from 1 ascending: columns x (f32
// [features]) and y (int64 when all labels of the sample are integers, else f64). The
// number of features is the largest index of the file, read ahead on a mapped file;
// `features` > 0 fixes it (needed on a pipe); larger indices are then data errors.
std::unique_ptr<BatchSource> read_libsvm(std::unique_ptr<ByteInput> input, std::int64_t features);

// CSV/TSV on `readers` threads; the batches come in the order of the file.
std::unique_ptr<BatchSource> read_csv(std::unique_ptr<ByteInput> input, const SourceOptions& options);

}  // namespace nn
