// The sinks behind open_sink(), one a format. For this module only. Each writes to
// `file` (borrowed), and leaves out columns of type opaque.
#pragma once

#include <memory>

#include "base/file.hpp"
#include "tensor/batch.hpp"

namespace nn::format {

std::unique_ptr<BatchSink> make_csv_sink(OutputFile& file, const Schema& schema, char delimiter);
std::unique_ptr<BatchSink> make_json_sink(OutputFile& file, const Schema& schema);
std::unique_ptr<BatchSink> make_table_sink(OutputFile& file, const Schema& schema);
std::unique_ptr<BatchSink> make_npy_sink(OutputFile& file, const Schema& schema);
std::unique_ptr<BatchSink> make_npz_sink(OutputFile& file, const Schema& schema);

}  // namespace nn::format
