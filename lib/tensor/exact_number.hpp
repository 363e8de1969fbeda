// Whole numbers that a double has, and others.
#pragma once

#include <cmath>
#include <optional>

#include "tensor/batch.hpp"

namespace nn {

// number_at(), or nothing where the element is a whole number that no double is.
inline std::optional<double> exact_number_at(DType type, const std::byte* data, std::int64_t index) {
  const double value = number_at(type, data, index);
  if (std::abs(value) < 0x1p53) return value;
  const auto same = [&]<typename T>(T, double limit) {
    return value < limit && static_cast<T>(value) == reinterpret_cast<const T*>(data)[index];
  };
  if (type == DType::i64 && !same(std::int64_t{}, 0x1p63)) return std::nullopt;
  if (type == DType::u64 && !same(std::uint64_t{}, 0x1p64)) return std::nullopt;
  return value;
}

}  // namespace nn
