#include <cmath>
#include <cstring>
#include <limits>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "table/rows.hpp"

namespace nn::table {
namespace {

template <typename T>
void append(std::vector<char>& bytes, char tag, T value) {
  const std::size_t at = bytes.size();
  bytes.resize(at + 1 + sizeof value);
  bytes[at] = tag;
  std::memcpy(bytes.data() + at + 1, &value, sizeof value);
}

// Equal numbers have equal bytes whatever their type: 3 as u8, i64 or f64 is one value, so
// that a table splits the same as CSV, as npy and as a stream.
void append_number(std::vector<char>& bytes, DType type, const std::byte* data, std::int64_t i) {
  if (type == DType::i64) return append(bytes, 'i', reinterpret_cast<const std::int64_t*>(data)[i]);
  if (type == DType::u64 && reinterpret_cast<const std::uint64_t*>(data)[i] > std::uint64_t{INT64_MAX}) {
    return append(bytes, 'u', reinterpret_cast<const std::uint64_t*>(data)[i]);
  }
  const double value = number_at(type, data, i);
  if (value >= -0x1p63 && value < 0x1p63 && std::trunc(value) == value) {
    return append(bytes, 'i', static_cast<std::int64_t>(value));
  }
  append(bytes, 'f', std::isnan(value) ? std::numeric_limits<double>::quiet_NaN() : value);
}

void append_value(std::vector<char>& bytes, const Field& field, const Column& column, std::int64_t row) {
  if (!column.valid(row) || field.type == DType::opaque) {
    bytes.push_back('-');
    return;
  }
  if (is_text(field.type)) {
    const std::string_view text =
        field.type == DType::utf8
            ? column.text(row)
            : (*column.dictionary)[static_cast<std::size_t>(column.as<std::int32_t>()[row])];
    append(bytes, 't', static_cast<std::uint64_t>(text.size()));
    bytes.insert(bytes.end(), text.begin(), text.end());
    return;
  }
  const std::int64_t elements = element_count(field.shape);
  for (std::int64_t e = 0; e < elements; ++e)
    append_number(bytes, field.type, column.data, row * elements + e);
}

}  // namespace

RowSplitter::RowSplitter(const std::vector<SplitPart>& parts, std::uint64_t seed) : seed_(seed) {
  double end = 0;
  for (const SplitPart& part : parts) ends_.push_back(end += part.fraction);
  // 0.7 + 0.2 + 0.1 is a little less than 1: no row may fall into that gap.
  if (!ends_.empty() && std::abs(end - 1) < 1e-9) ends_.back() = 1;
}

void RowSplitter::assign(const Batch& batch, std::vector<std::size_t>& part_of) {
  part_of.resize(static_cast<std::size_t>(batch.rows));
  for (std::int64_t row = 0; row < batch.rows; ++row) {
    bytes_.clear();
    for (std::size_t i = 0; i < batch.columns.size(); ++i) {
      append_value(bytes_, batch.schema->fields[i], batch.columns[i], row);
    }
    const std::uint64_t hash = XXH3_64bits_withSeed(bytes_.data(), bytes_.size(), seed_);
    const double place = static_cast<double>(hash >> 11) * 0x1p-53;
    std::size_t part = 0;
    while (part < ends_.size() && place >= ends_[part]) ++part;
    part_of[static_cast<std::size_t>(row)] = part;
  }
}

}  // namespace nn::table
