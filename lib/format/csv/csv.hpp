// CSV as one of several inputs.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "format/csv/layout.hpp"
#include "format/readers.hpp"

namespace nn::format {

// As read_csv(); `like` is the schema of the input before this one (borrowed for the call,
// null for the first): the types it has hold here too. Columns that the options leave out
// are not parsed and come as DType::opaque without a foreign type.
std::unique_ptr<BatchSource> read_csv_like(std::unique_ptr<ByteInput> input, const SourceOptions& options,
                                           const Schema* like);

// As that of layout.hpp.
std::vector<ColumnSeen> columns_of_csv(std::unique_ptr<ByteInput> input, const SourceOptions& options,
                                       std::size_t bytes);

}  // namespace nn::format
