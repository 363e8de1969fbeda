#include "inference/elements.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "base/error.hpp"
#include "base/text.hpp"

namespace nn::inference {
namespace {

using Form = Signature::Form;

const std::vector<TensorSpec>& inputs_of(const Signature& signature, Form form) {
  return form == Form::matrix ? signature.inputs() : signature.columns();
}

std::string shape_text(std::span<const std::int64_t> shape) {
  constexpr std::size_t shown = 6;
  std::string out = "[";
  for (std::size_t i = 0; i < shape.size() && i < shown; ++i)
    out += (i == 0 ? "" : ",") + std::to_string(shape[i]);
  return out + (shape.size() > shown ? ",…]" : "]");
}

std::string names_of(const std::vector<TensorSpec>& inputs) {
  constexpr std::size_t shown = 4;
  std::string out;
  for (std::size_t i = 0; i < inputs.size() && i < shown; ++i) {
    out += (i == 0 ? "" : ", ") + printable(inputs[i].name, 20);
  }
  return out + (inputs.size() > shown ? ", …" : "");
}

// Calls convert(T) with each of `count` elements, which needn't be aligned.
template <typename T, typename Convert>
void convert_all(std::string_view bytes, std::size_t count, Convert&& convert) {
  const char* at = bytes.data();
  for (std::size_t i = 0; i < count; ++i, at += sizeof(T)) {
    T value;
    std::memcpy(&value, at, sizeof(T));
    convert(i, value);
  }
}

struct Half {
  std::uint16_t bits;
};
struct BrainFloat {
  std::uint16_t bits;
};
template <typename T>
double widened(T value) {
  return static_cast<double>(value);
}
double widened(Half value) { return static_cast<double>(half_to_float(value.bits)); }
double widened(BrainFloat value) { return static_cast<double>(bfloat_to_float(value.bits)); }

template <typename T>
void widen(std::string_view bytes, std::span<double> out) {
  convert_all<T>(bytes, out.size(), [&](std::size_t i, T value) { out[i] = widened(value); });
}

void widen(DataType type, std::string_view bytes, std::span<double> out, std::string_view name) {
  switch (type) {
    case DataType::boolean:
      if (std::any_of(bytes.begin(), bytes.end(), [](char c) { return c != 0 && c != 1; })) {
        fail_data("input '{}' has a BOOL that is neither 0 nor 1", printable(name));
      }
      return widen<std::uint8_t>(bytes, out);
    case DataType::uint8: return widen<std::uint8_t>(bytes, out);
    case DataType::uint16: return widen<std::uint16_t>(bytes, out);
    case DataType::uint32: return widen<std::uint32_t>(bytes, out);
    case DataType::uint64: return widen<std::uint64_t>(bytes, out);
    case DataType::int8: return widen<std::int8_t>(bytes, out);
    case DataType::int16: return widen<std::int16_t>(bytes, out);
    case DataType::int32: return widen<std::int32_t>(bytes, out);
    case DataType::int64: return widen<std::int64_t>(bytes, out);
    case DataType::fp16: return widen<Half>(bytes, out);
    case DataType::bf16: return widen<BrainFloat>(bytes, out);
    case DataType::fp32: return widen<float>(bytes, out);
    case DataType::fp64: return widen<double>(bytes, out);
    case DataType::bytes: break;
  }
}

void add_texts(Rows& rows, const CheckedInput& input, std::string_view bytes) {
  const std::string& name = rows.field(input.column).name;
  for (std::int64_t i = 0; i < input.elements; ++i) {
    std::uint32_t length = 0;
    if (bytes.size() < sizeof length) {
      fail_data("input '{}' ends before element {} of {}", printable(name), i, input.elements);
    }
    std::memcpy(&length, bytes.data(), sizeof length);
    bytes.remove_prefix(sizeof length);
    if (length > bytes.size()) {
      fail_data("input '{}', element {}: a text of {} bytes, but {} are left", printable(name), i, length,
                bytes.size());
    }
    if (!is_utf8(bytes.substr(0, length))) {
      fail_data("input '{}', element {}: the text is not UTF-8", printable(name), i);
    }
    rows.add_text(input.column, bytes.substr(0, length));
    bytes.remove_prefix(length);
  }
  if (!bytes.empty()) {
    fail_data("input '{}' has {} bytes behind its {} elements", printable(name), bytes.size(),
              input.elements);
  }
}

}  // namespace

float bfloat_to_float(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

std::string batch_shape(std::span<const std::int64_t> row) {
  std::string out = "[-1";
  for (const std::int64_t extent : row) out += "," + std::to_string(extent);
  return out + "]";
}

Form form_of(const Signature& signature, const InputTensor& first) {
  if (signature.form() != Form::matrix || first.name != signature.inputs()[0].name) return Form::columns;
  // A column may have the matrix's name.
  const auto column = signature.find_column(first.name);
  const bool tensor = column && !signature.columns()[*column].shape.empty();
  if (!column || tensor) return Form::matrix;
  const bool rows = first.shape.size() == 2 && first.shape[1] == signature.matrix_width();
  return rows ? Form::matrix : Form::columns;
}

CheckedInput check_input(const Signature& signature, Form form, const InputTensor& input) {
  const auto& inputs = inputs_of(signature, form);
  CheckedInput checked;
  if (form == Form::columns) {
    const auto column = signature.find_column(input.name);
    if (!column) {
      fail_data("unexpected inference input '{}': the model takes {}", printable(input.name, 40),
                names_of(signature.inputs()));
    }
    checked.column = *column;
  } else if (input.name != inputs[0].name) {
    fail_data("unexpected inference input '{}' beside '{}'", printable(input.name, 40),
              printable(inputs[0].name, 40));
  }
  const TensorSpec& wanted = inputs[checked.column];
  if (!signature.accepts(wanted, input.type)) {
    fail_data("inference input '{}' data-type is '{}', but the model expects '{}'", printable(input.name, 40),
              name_of(input.type), name_of(wanted.type));
  }
  std::span<const std::int64_t> row = input.shape;
  if (!row.empty()) row = row.subspan(1);
  const bool one_each = wanted.shape.empty() && row.size() == 1 && row[0] == 1;
  if (input.shape.empty() ||
      !(one_each || std::equal(row.begin(), row.end(), wanted.shape.begin(), wanted.shape.end()))) {
    fail_data("unexpected shape for input '{}'. Expected {}, got {}", printable(input.name, 40),
              batch_shape(wanted.shape), shape_text(input.shape));
  }
  checked.rows = input.shape[0];
  if (checked.rows < 1) {
    fail_data("input '{}' has no rows: its shape is {}", printable(input.name, 40), shape_text(input.shape));
  }
  const std::int64_t width = element_count(wanted.shape);
  if (checked.rows > std::numeric_limits<std::int64_t>::max() / 16 / std::max<std::int64_t>(width, 1)) {
    fail_data("input '{}' is too large: its shape is {}", printable(input.name, 40), shape_text(input.shape));
  }
  checked.elements = checked.rows * width;
  return checked;
}

DType tensor_type_of(Form form, DataType type) {
  if (form == Form::columns) return DType::f64;
  if (type == DataType::fp32) return DType::f32;
  return type == DataType::uint8 ? DType::u8 : DType::f64;
}

void add_raw(Rows& rows, const CheckedInput& input, DataType type, std::string_view bytes) {
  if (type == DataType::bytes) return add_texts(rows, input, bytes);
  const Field& field = rows.field(input.column);
  const auto count = static_cast<std::size_t>(input.elements);
  if (bytes.size() != count * size_of(type)) {
    fail_data("input byte size mismatch for input '{}'. Expected {}, got {}", printable(field.name, 40),
              count * size_of(type), bytes.size());
  }
  switch (field.type) {
    case DType::f32:
      if (type == DataType::fp32)
        std::memcpy(rows.floats(input.column, count).data(), bytes.data(), bytes.size());
      return;
    case DType::u8:
      if (type == DataType::uint8)
        std::memcpy(rows.bytes(input.column, count).data(), bytes.data(), bytes.size());
      return;
    default: widen(type, bytes, rows.doubles(input.column, count), field.name);
  }
}

}  // namespace nn::inference
