// Elements of tensors as they come over wires: little-endian, row-major, one behind the other; texts each
// with its length in 4 bytes before it. For all protocols.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "inference/datatype.hpp"
#include "inference/rows.hpp"

namespace nn::inference {

// What a request says of a tensor. Checked by check_input().
struct InputTensor {
  std::string_view name;
  DataType type = DataType::fp32;
  std::span<const std::int64_t> shape;
};

// The table's form that a request's inputs are: the matrix by its name and rank, or else columns.
Signature::Form form_of(const Signature& signature, const InputTensor& first);

// Which input of signature's it is in that form, and how many rows it has. Data errors: there is no such
// input, another type or shape is wanted, no rows. A column of one value a row may be [n] or [n,1].
struct CheckedInput {
  std::size_t column = 0;
  std::int64_t rows = 0;
  std::int64_t elements = 0;  // in all
};
CheckedInput check_input(const Signature& signature, Signature::Form form, const InputTensor& input);

// The type that tables' tensors have, for Rows::begin(): what can be taken as it is, or else f64.
DType tensor_type_of(Signature::Form form, DataType type);

// Fills in all of a column from bytes. Data error where there are more or fewer than `elements` take, or a
// text isn't UTF-8. Where the table has another type, elements are converted; 64-bit integers may be rounded.
void add_raw(Rows& rows, const CheckedInput& input, DataType type, std::string_view bytes);

float bfloat_to_float(std::uint16_t bits);

// "[-1,64]": rows of that shape, any number of them, as error messages say what is expected.
std::string batch_shape(std::span<const std::int64_t> row);

}  // namespace nn::inference
