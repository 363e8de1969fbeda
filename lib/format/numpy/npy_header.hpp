// The header of .npy files. For the readers and writers of this module only.
#pragma once

#include <string>
#include <string_view>

#include "format/array_reader.hpp"
#include "tensor/batch.hpp"

namespace nn::format {

// Reads magic number, version and header; the input then stands at the first element.
// Data errors for what isn't a .npy file, unsupported ones for types that aren't numbers.
ArrayLayout read_npy_header(ArrayInput& input);

// The dictionary in the header's text; `name` is for messages.
ArrayLayout parse_npy_dictionary(std::string_view text, const std::string& name);

// npy_header() padded to `size` bytes (a multiple of 64), where a header is written over
// once the number of rows is known.
std::string npy_header_of_size(DType type, const Shape& shape, std::size_t size);

}  // namespace nn::format
