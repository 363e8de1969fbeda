#include "inference/proto_elements.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "inference/elements.hpp"

namespace nn::inference::proto {
namespace {

// By the words that clients know.
[[noreturn]] void fail_bytes(std::size_t there, std::size_t expected, const Place& place) {
  fail_data("input byte size mismatch for {}. Expected {}, got {}", place.text(), expected, there);
}

// The limits of the types that protocols have no list of their own for.
struct Limits {
  std::int64_t least, most;
};
Limits limits_of(DataType type) {
  switch (type) {
    case DataType::int8: return {INT8_MIN, INT8_MAX};
    case DataType::int16: return {INT16_MIN, INT16_MAX};
    case DataType::uint8: return {0, UINT8_MAX};
    case DataType::uint16: return {0, UINT16_MAX};
    default: return {INT32_MIN, UINT32_MAX};
  }
}

}  // namespace

std::string Place::text() const {
  return fmt::format("input '{}' for model '{}'", printable(input), printable(model));
}

void fail_count(DataType type, std::size_t there, std::size_t expected, const Place& place) {
  if (type == DataType::bytes) fail_data("{} has {} texts, expected {}", place.text(), there, expected);
  fail_bytes(there * size_of(type), expected * size_of(type), place);
}

void put_raw(Rows& rows, std::size_t column, DataType type, std::string_view data, std::size_t count,
             const Place& place) {
  if (type != DataType::bytes && data.size() != count * size_of(type)) {
    fail_bytes(data.size(), count * size_of(type), place);
  }
  add_raw(rows, {column, 0, static_cast<std::int64_t>(count)}, type, data);
}

double number_of(DataType type, std::uint64_t bits, const Place& place) {
  const auto is_in = [&](std::int64_t value) {
    const Limits limits = limits_of(type);
    if (value < limits.least || value > limits.most) {
      fail_data("{} has the value {}, which is no {}", place.text(), value, name_of(type));
    }
    return static_cast<double>(value);
  };
  switch (type) {
    case DataType::boolean: return bits != 0 ? 1 : 0;
    case DataType::uint64: return static_cast<double>(bits);
    case DataType::int64: return static_cast<double>(static_cast<std::int64_t>(bits));
    case DataType::uint8:
    case DataType::uint16:
    case DataType::uint32: return is_in(static_cast<std::uint32_t>(bits));
    case DataType::fp16: return half_to_float(static_cast<std::uint16_t>(bits));
    case DataType::bf16: return bfloat_to_float(static_cast<std::uint16_t>(bits));
    default: return is_in(static_cast<std::int32_t>(bits));
  }
}

std::size_t count_of(const Reader& field, DataType type) {
  if (type == DataType::bytes) return field.wire() == Wire::bytes ? 1 : 0;
  std::size_t count = 0;
  const auto add = [&](const char* /*data*/, std::size_t n) { count += n; };
  if (type == DataType::fp32) {
    each_run<float>(field, add);
  } else if (type == DataType::fp64) {
    each_run<double>(field, add);
  } else if (field.wire() == Wire::varint) {
    count = 1;
  } else if (field.wire() == Wire::bytes) {
    // A varint's last byte is the one without the highest bit.
    const std::string_view packed = field.bytes();
    count = static_cast<std::size_t>(
        std::count_if(packed.begin(), packed.end(), [](char c) { return static_cast<signed char>(c) >= 0; }));
  }
  return count;
}

}  // namespace nn::inference::proto
