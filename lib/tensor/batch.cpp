#include "tensor/batch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "base/error.hpp"
#include "base/signals.hpp"

namespace nn {

namespace {

constexpr std::size_t few_pairs = 16;

}  // namespace

std::size_t Metadata::position(std::string_view key) const {
  if (!positions_.empty()) {
    const auto found = positions_.find(key);
    return found == positions_.end() ? pairs_.size() : found->second;
  }
  const auto same = [&](const auto& pair) { return pair.first == key; };
  return static_cast<std::size_t>(std::find_if(pairs_.begin(), pairs_.end(), same) - pairs_.begin());
}

void Metadata::number() {
  positions_.clear();
  if (pairs_.size() <= few_pairs) return;
  for (std::size_t i = 0; i < pairs_.size(); ++i) positions_.emplace(pairs_[i].first, i);
}

const std::string* Metadata::find(std::string_view key) const {
  const std::size_t at = position(key);
  return at < pairs_.size() ? &pairs_[at].second : nullptr;
}

void Metadata::set(std::string_view key, std::string value) {
  const std::size_t at = position(key);
  if (at < pairs_.size()) {
    pairs_[at].second = std::move(value);
    return;
  }
  pairs_.emplace_back(key, std::move(value));
  if (!positions_.empty()) {
    positions_.emplace(key, at);
  } else {
    number();
  }
}

void Metadata::erase(std::string_view key) {
  const std::size_t at = position(key);
  if (at == pairs_.size()) return;
  pairs_.erase(pairs_.begin() + static_cast<std::ptrdiff_t>(at));
  number();
}

std::int64_t element_count(const Shape& shape) {
  std::int64_t n = 1;
  for (const std::int64_t d : shape) n *= d;
  return n;
}

std::string to_string(const Shape& shape) {
  return shape.empty() ? "scalar" : fmt::format("[{}]", fmt::join(shape, ","));
}

std::optional<std::size_t> Schema::find(std::string_view name) const {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].name == name) return i;
  }
  return std::nullopt;
}

namespace {

std::size_t row_bytes(const Field& field) {
  return static_cast<std::size_t>(element_count(field.shape)) * size_of(field.type);
}

}  // namespace

Column slice(const Field& field, const Column& column, std::int64_t first) {
  Column out = column;
  if (field.type == DType::utf8) {
    out.offsets += first;
  } else if (out.data != nullptr) {
    out.data += static_cast<std::size_t>(first) * row_bytes(field);
  }
  out.validity_offset += first;
  return out;
}

Batch renumbered(Batch batch, std::int64_t first_row) {
  if (batch.numbers == nullptr && first_row != batch.first_row) {
    const auto numbers = std::make_shared<std::vector<std::int64_t>>(static_cast<std::size_t>(batch.rows));
    std::iota(numbers->begin(), numbers->end(), batch.first_row);
    batch.numbers = {numbers, numbers->data()};
  }
  batch.first_row = first_row;
  return batch;
}

Batch slice(const Batch& batch, std::int64_t first, std::int64_t count) {
  Batch out{batch.schema, batch.first_row + first, count, {}};
  if (batch.numbers != nullptr) out.numbers = {batch.numbers, batch.numbers.get() + first};
  out.columns.reserve(batch.columns.size());
  for (std::size_t i = 0; i < batch.columns.size(); ++i) {
    out.columns.push_back(slice(batch.schema->fields[i], batch.columns[i], first));
  }
  return out;
}

namespace {

// The one allocation of take(): values, then offsets, then validity.
struct OwnedColumn {
  Buffer values, offsets, validity;
};

void take_text(const Column& column, std::span<const std::int64_t> rows, OwnedColumn& out) {
  std::size_t bytes = 0;
  for (const std::int64_t row : rows) bytes += column.valid(row) ? column.text(row).size() : 0;
  if (bytes > std::numeric_limits<std::int32_t>::max()) fail_data("more than 2 GiB of text in one batch");
  out.values = Buffer(bytes);
  out.offsets = Buffer((rows.size() + 1) * sizeof(std::int32_t));
  auto* offsets = out.offsets.as<std::int32_t>();
  std::size_t at = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    offsets[i] = static_cast<std::int32_t>(at);
    if (!column.valid(rows[i])) continue;
    const std::string_view text = column.text(rows[i]);
    std::memcpy(out.values.data() + at, text.data(), text.size());
    at += text.size();
  }
  offsets[rows.size()] = static_cast<std::int32_t>(at);
}

}  // namespace

Column take(const Field& field, const Column& column, std::span<const std::int64_t> rows) {
  auto owned = std::make_shared<OwnedColumn>();
  Column out;
  out.dictionary = column.dictionary;
  if (field.type == DType::utf8) {
    take_text(column, rows, *owned);
    out.offsets = owned->offsets.as<std::int32_t>();
  } else if (field.type != DType::opaque) {
    const std::size_t width = row_bytes(field);
    owned->values = Buffer(rows.size() * width);
    std::byte* to = owned->values.data();
    for (const std::int64_t row : rows) {
      std::memcpy(to, column.data + static_cast<std::size_t>(row) * width, width);
      to += width;
    }
  }
  out.data = owned->values.data();
  if (column.validity != nullptr) {
    owned->validity = Buffer((rows.size() + 7) / 8);
    auto* bits = owned->validity.as<std::uint8_t>();
    std::fill_n(bits, (rows.size() + 7) / 8, std::uint8_t{0});
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (column.valid(rows[i])) bits[i >> 3] = static_cast<std::uint8_t>(bits[i >> 3] | 1u << (i & 7));
    }
    out.validity = bits;
  }
  out.owner = std::move(owned);
  return out;
}

Column make_column(Buffer values) {
  auto owned = std::make_shared<Buffer>(std::move(values));
  Column out;
  out.data = owned->data();
  out.owner = std::move(owned);
  return out;
}

double number_at(DType type, const std::byte* data, std::int64_t i) {
  const auto at = [&]<typename T>(T) { return static_cast<double>(reinterpret_cast<const T*>(data)[i]); };
  switch (type) {
    case DType::boolean:
    case DType::u8: return at(std::uint8_t{});
    case DType::i8: return at(std::int8_t{});
    case DType::i16: return at(std::int16_t{});
    case DType::i32: return at(std::int32_t{});
    case DType::i64: return at(std::int64_t{});
    case DType::u16: return at(std::uint16_t{});
    case DType::u32: return at(std::uint32_t{});
    case DType::u64: return at(std::uint64_t{});
    case DType::f16:
      return static_cast<double>(half_to_float(reinterpret_cast<const std::uint16_t*>(data)[i]));
    case DType::f32: return at(float{});
    case DType::f64: return at(double{});
    default: return std::numeric_limits<double>::quiet_NaN();
  }
}

namespace {

std::string number_text(DType type, const std::byte* data, std::int64_t i) {
  switch (type) {
    case DType::i64: return fmt::format("{}", reinterpret_cast<const std::int64_t*>(data)[i]);
    case DType::u64: return fmt::format("{}", reinterpret_cast<const std::uint64_t*>(data)[i]);
    case DType::f16:
    case DType::f32: return fmt::format("{}", static_cast<float>(number_at(type, data, i)));
    default: return fmt::format("{}", number_at(type, data, i));
  }
}

}  // namespace

std::string value_text(const Field& field, const Column& column, std::int64_t row) {
  switch (field.type) {
    case DType::utf8: return std::string(column.text(row));
    case DType::category:
      return std::string((*column.dictionary)[static_cast<std::size_t>(column.as<std::int32_t>()[row])]);
    case DType::opaque: return {};
    default: return number_text(field.type, column.data, row);
  }
}

void copy_batches(BatchSource& source, BatchSink& sink) {
  try {
    while (auto batch = source.next()) sink.write(*batch);
    sink.finish();
  } catch (const Error& error) {
    sink.abandon(error.what());
    throw;
  } catch (const Interrupted&) {
    sink.abandon("interrupted");
    throw;
  }
}

}  // namespace nn
