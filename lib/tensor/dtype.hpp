// Element types of columns and tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace nn {

enum class DType : std::uint8_t {
  boolean,  // one byte a value, 0 or 1, in memory; one bit in the stream
  i8,
  i16,
  i32,
  i64,
  u8,
  u16,
  u32,
  u64,
  f16,  // IEEE binary16, held as std::uint16_t
  f32,
  f64,
  utf8,      // text: 32-bit offsets into bytes
  category,  // i32 index into a dictionary of texts
  opaque,    // a type of the stream that these tools do not compute with; can only be left out
};

// Bytes of one element in memory; 0 for utf8 and opaque.
constexpr std::size_t size_of(DType type) {
  switch (type) {
    case DType::boolean:
    case DType::i8:
    case DType::u8: return 1;
    case DType::i16:
    case DType::u16:
    case DType::f16: return 2;
    case DType::i32:
    case DType::u32:
    case DType::f32:
    case DType::category: return 4;
    case DType::i64:
    case DType::u64:
    case DType::f64: return 8;
    default: return 0;
  }
}

constexpr bool is_integer(DType type) { return type >= DType::i8 && type <= DType::u64; }
constexpr bool is_float(DType type) { return type >= DType::f16 && type <= DType::f64; }
constexpr bool is_number(DType type) { return type <= DType::f64; }  // boolean counts
constexpr bool is_text(DType type) { return type == DType::utf8 || type == DType::category; }

// NumPy's names: "bool", "int8", …, "float64"; "text", "category", "opaque".
std::string_view name_of(DType type);

float half_to_float(std::uint16_t bits);
std::uint16_t float_to_half(float value);  // rounds to nearest even

}  // namespace nn
