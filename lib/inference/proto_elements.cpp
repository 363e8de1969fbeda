#include "inference/proto_elements.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "base/text.hpp"

namespace nn::inference::proto {
namespace {

// Converts elements of the type From, by `as`, to those of a column.
template <typename From, typename T, typename Convert>
void convert(const char* data, std::span<T> out, const Convert& as) {
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<T>(as(load<From>(data + i * sizeof(From))));
}

template <typename T>
void put_numbers(DataType type, const char* data, std::span<T> out) {
  const auto same = [](auto value) { return value; };
  switch (type) {
    case DataType::boolean:
      return convert<std::uint8_t>(data, out, [](std::uint8_t value) { return value != 0; });
    case DataType::uint8: return NumberSink(out).template add_run<std::uint8_t>(data, out.size());
    case DataType::uint16: return convert<std::uint16_t>(data, out, same);
    case DataType::uint32: return convert<std::uint32_t>(data, out, same);
    case DataType::uint64: return convert<std::uint64_t>(data, out, same);
    case DataType::int8: return convert<std::int8_t>(data, out, same);
    case DataType::int16: return convert<std::int16_t>(data, out, same);
    case DataType::int32: return convert<std::int32_t>(data, out, same);
    case DataType::int64: return convert<std::int64_t>(data, out, same);
    case DataType::fp16: return convert<std::uint16_t>(data, out, half_to_float);
    case DataType::bf16: return convert<std::uint16_t>(data, out, bfloat_to_float);
    case DataType::fp32: return NumberSink(out).template add_run<float>(data, out.size());
    case DataType::fp64: return NumberSink(out).template add_run<double>(data, out.size());
    case DataType::bytes: break;
  }
}

void put_texts(Rows& rows, std::size_t column, std::string_view data, std::size_t count, const Place& place) {
  for (std::size_t i = 0; i < count; ++i) {
    if (data.size() < sizeof(std::uint32_t)) {
      fail_data("{} ends within the length of text {}, expected {} texts", place.text(), i, count);
    }
    const auto size = load<std::uint32_t>(data.data());
    data.remove_prefix(sizeof size);
    if (size > data.size()) {
      fail_data("text {} of {} has {} bytes, but only {} are there", i, place.text(), size, data.size());
    }
    const std::string_view text = data.substr(0, size);
    if (!is_utf8(text)) fail_data("text {} of {} is not UTF-8", i, place.text());
    rows.add_text(column, text);
    data.remove_prefix(size);
  }
  if (!data.empty())
    fail_data("there are {} bytes behind the last of the {} texts of {}", data.size(), count, place.text());
}

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

float bfloat_to_float(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

void fail_count(DataType type, std::size_t there, std::size_t expected, const Place& place) {
  if (type == DataType::bytes) fail_data("{} has {} texts, expected {}", place.text(), there, expected);
  fail_bytes(there * size_of(type), expected * size_of(type), place);
}

void put_raw(Rows& rows, std::size_t column, DataType type, std::string_view data, std::size_t count,
             const Place& place) {
  if (type == DataType::bytes) return put_texts(rows, column, data, count, place);
  if (data.size() != count * size_of(type)) fail_bytes(data.size(), count * size_of(type), place);
  switch (rows.field(column).type) {
    case DType::f32: return put_numbers(type, data.data(), rows.floats(column, count));
    case DType::u8: return put_numbers(type, data.data(), rows.bytes(column, count));
    default: return put_numbers(type, data.data(), rows.doubles(column, count));
  }
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
