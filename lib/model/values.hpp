// Columns of any number type as their C++ type, for the loops of fit and encode.
#pragma once

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ascii.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "tensor/batch.hpp"
#include "tensor/first_feature.hpp"

namespace nn::model {

// A binary16 that widens like the built-in types do.
struct Half {
  std::uint16_t bits;
  operator double() const { return static_cast<double>(half_to_float(bits)); }
};

// Calls body(const T*) with the column's values. `type` must be a number.
template <typename Body>
decltype(auto) visit_numbers(DType type, const Column& column, Body&& body) {
  switch (type) {
    case DType::i8: return body(column.as<std::int8_t>());
    case DType::i16: return body(column.as<std::int16_t>());
    case DType::i32: return body(column.as<std::int32_t>());
    case DType::i64: return body(column.as<std::int64_t>());
    case DType::u16: return body(column.as<std::uint16_t>());
    case DType::u32: return body(column.as<std::uint32_t>());
    case DType::u64: return body(column.as<std::uint64_t>());
    case DType::f16: return body(column.as<Half>());
    case DType::f32: return body(column.as<float>());
    case DType::f64: return body(column.as<double>());
    default: return body(column.as<std::uint8_t>());
  }
}

// The index of a sparse row's first element, where the column has such rows.
inline std::optional<int> first_feature_of(const Field& field) {
  const std::string* first = field.metadata.find(first_feature_key);
  if (first == nullptr || field.shape.size() != 1 || (*first != "0" && *first != "1")) return std::nullopt;
  return *first == "1" ? 1 : 0;
}

// True and False as texts have them, in any case.
inline std::optional<bool> truth_of(std::string_view text) {
  if (equal_ignoring_case(text, "true")) return true;
  return equal_ignoring_case(text, "false") ? std::optional(false) : std::nullopt;
}

// Whether the texts that a model knows are only these: booleans are then such texts.
inline bool are_truths(const std::vector<std::string>& categories) {
  for (const std::string& category : categories) {
    if (!truth_of(category)) return false;
  }
  return !categories.empty();
}

// "column 'age'", safe to print.
inline std::string column_name(const std::string& name) { return "column '" + printable(name) + "'"; }

// "row 17, column 'age'": rows are counted from 0 over the whole input, as --rows does.
inline std::string cell_name(const Batch& batch, std::int64_t row, const std::string& name) {
  return fmt::format("row {}, {}", batch.number_of(row), column_name(name));
}

// Whether values of a type between `low` and `high` differ by no more than rounding: their spread must not be
// enlarged. 0.1 + 0.2 and 0.3 are 1 unit in the last place apart, sums of more terms a few.
inline bool is_constant(DType type, double low, double high) {
  const double unit = type == DType::f32 || type == DType::f16 ? FLT_EPSILON : DBL_EPSILON;
  return high - low <= 8 * unit * std::max(std::abs(low), std::abs(high));
}

// 1 / standard deviation of `count` values whose squared distances from their mean add up to `squares`; 1 for
// constant ones.
inline double scale_of(DType type, double squares, double count, double low, double high) {
  const double scale = 1 / std::sqrt(squares / count);
  return is_constant(type, low, high) || !std::isfinite(scale) || scale == 0 ? 1.0 : scale;
}

// Describes an element that no network can use, for messages.
std::string unusable_text(double value);

}  // namespace nn::model
