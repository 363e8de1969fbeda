// Decimals, dates and times as numbers. Internal to the stream reader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace nn::arrow {
struct Field;
}

namespace nn::format {

// A type whose values are whole numbers of some unit: dates in days since 1970, timestamps in seconds since
// then (UTC, or the time of nowhere), times of a day and durations in seconds, decimals as they are.
struct Quantity {
  std::size_t width = 0;     // bytes of a value: 4, 8, 16 or 32; signed, little-endian
  std::int64_t divisor = 1;  // units of the wire in one of ours
  int scale = 0;             // of a decimal: digits behind the point; negative: zeros in front of it
  bool is_decimal = false;
  bool is_whole = false;  // a decimal of so few digits, none of them behind the point, that 64 bits hold it
  enum class Kind : std::uint8_t { decimal, date, time, timestamp, duration } kind = Kind::decimal;
  bool is_utc = false;  // a timestamp of a zone, which is kept as UTC
  // Becomes the text of the first decimal that has more digits than its double; null: nobody asks.
  std::shared_ptr<std::string> rounded = {};
};

// Nothing where the type is none of these.
std::optional<Quantity> quantity_of(const arrow::Field& field);

// The `count` values at `from` to `to`, as doubles: a decimal as the nearest one, others to the last place.
void convert_quantities(const Quantity& quantity, const std::byte* from, std::int64_t count, double* to);

// The value at `from` to the last digit: 2024-02-29, 12:30:00.250, 2024-02-29T12:30:00.000000001Z, 1.50.
// Durations are seconds.
std::string quantity_text(const Quantity& quantity, const std::byte* from);

// The value at `from` of one that is whole; nothing where it has more digits than its type says.
std::optional<std::int64_t> whole_quantity(const Quantity& quantity, const std::byte* from);

}  // namespace nn::format
