#include <algorithm>
#include <cstring>
#include <limits>

#include "Message_generated.h"
#include "base/error.hpp"
#include "format/arrow/batch.hpp"

namespace nn::format {
namespace {

template <typename T>
bool all_in_range(const T* indices, std::int64_t rows, std::int64_t size) {
  T low = 0, high = 0;
  for (std::int64_t i = 0; i < rows; ++i) {
    low = std::min(low, indices[i]);
    high = std::max(high, indices[i]);
  }
  return low >= 0 && static_cast<std::uint64_t>(high) < static_cast<std::uint64_t>(size);
}

// Indices as 32-bit ones, all in range: those of missing rows may be anything on the wire.
template <typename T>
const std::int32_t* checked_indices(BodyReader& body, const Column& column, std::int64_t size) {
  const T* from = column.as<T>();
  const std::int64_t rows = body.rows();
  const bool in_range = rows == 0 || all_in_range(from, rows, size);
  if constexpr (std::is_same_v<T, std::int32_t>) {
    if (in_range) return from;
  }
  auto* to = body.make_array<std::int32_t>(rows);
  if (in_range) {
    std::transform(from, from + rows, to, [](T index) { return static_cast<std::int32_t>(index); });
    return to;
  }
  for (std::int64_t row = 0; row < rows; ++row) {
    const bool valid = column.valid(row);
    if (valid && !all_in_range(from + row, 1, size)) {
      throw data_error("index {} into a dictionary of {} values", +from[row], size)
          .within(body.row_name(row));
    }
    to[row] = valid ? static_cast<std::int32_t>(from[row]) : 0;
  }
  return to;
}

const std::int32_t* checked_indices(BodyReader& body, const Column& column, DType type, std::int64_t size) {
  switch (type) {
    case DType::i8: return checked_indices<std::int8_t>(body, column, size);
    case DType::i16: return checked_indices<std::int16_t>(body, column, size);
    case DType::i64: return checked_indices<std::int64_t>(body, column, size);
    case DType::u8: return checked_indices<std::uint8_t>(body, column, size);
    case DType::u16: return checked_indices<std::uint16_t>(body, column, size);
    case DType::u32: return checked_indices<std::uint32_t>(body, column, size);
    case DType::u64: return checked_indices<std::uint64_t>(body, column, size);
    default: return checked_indices<std::int32_t>(body, column, size);
  }
}

// A row whose entry is null is missing as well.
const std::uint8_t* merged_validity(BodyReader& body, const Column& column, const std::int32_t* indices,
                                    const std::vector<bool>& missing) {
  const auto bytes = static_cast<std::size_t>(body.rows() + 7) / 8;
  auto* bits = reinterpret_cast<std::uint8_t*>(body.make(bytes).data());
  std::fill_n(bits, bytes, std::uint8_t{0});
  for (std::int64_t row = 0; row < body.rows(); ++row) {
    if (column.valid(row) && !missing[static_cast<std::size_t>(indices[row])]) {
      bits[row >> 3] = static_cast<std::uint8_t>(bits[row >> 3] | 1u << (row & 7));
    }
  }
  return bits;
}

// Dictionaries of numbers: the values take the indices' place.
const std::byte* looked_up(BodyReader& body, const Column& column, const std::int32_t* indices,
                           const WireDictionary& dictionary) {
  const std::size_t width = size_of(dictionary.field.type);
  std::byte* out = body.make(static_cast<std::size_t>(body.rows()) * width).data();
  for (std::int64_t row = 0; row < body.rows(); ++row) {
    std::byte* to = out + static_cast<std::size_t>(row) * width;
    if (column.valid(row)) {
      std::memcpy(to, dictionary.values.data() + static_cast<std::size_t>(indices[row]) * width, width);
    } else {
      std::memset(to, 0, width);
    }
  }
  return out;
}

void append_missing(const Column& column, std::int64_t rows, WireDictionary& dictionary) {
  if (column.validity == nullptr && dictionary.missing.empty()) return;
  const auto first = static_cast<std::size_t>(dictionary.size);
  dictionary.missing.resize(first + static_cast<std::size_t>(rows));
  for (std::int64_t row = 0; row < rows; ++row) {
    dictionary.missing[first + static_cast<std::size_t>(row)] = !column.valid(row);
  }
}

// Batches that were given out keep the dictionary that they came with. The copy takes no time.
std::shared_ptr<const Dictionary> with_texts(const Dictionary* known, const Column& column,
                                             std::int64_t rows) {
  auto texts = known == nullptr ? std::make_shared<Dictionary>() : std::make_shared<Dictionary>(*known);
  for (std::int64_t row = 0; row < rows; ++row) {
    texts->append(column.valid(row) ? column.text(row) : std::string_view());
  }
  return texts;
}

}  // namespace

Column decode_indices(BodyReader& body, const WireColumn& wire, const Field& field,
                      const WireDictionary& dictionary) {
  Column out;
  const std::int64_t missing = body.node(body.rows());
  out.validity = body.validity(missing, body.rows());
  out.data = body.values(body.rows(), size_of(wire.type), size_of(wire.type));
  const std::int32_t* indices = checked_indices(body, out, wire.type, dictionary.size);
  if (!dictionary.missing.empty()) {
    out.validity = merged_validity(body, out, indices, dictionary.missing);
  }
  out.data = field.type == DType::category ? reinterpret_cast<const std::byte*>(indices)
                                           : looked_up(body, out, indices, dictionary);
  if (field.type == DType::category) {
    static const auto empty = std::make_shared<const Dictionary>();
    out.dictionary = dictionary.texts != nullptr ? dictionary.texts : empty;
  }
  return out;
}

void decode_dictionary(const arrow::RecordBatch& batch, const WireBody& wire_body,
                       const WireSchema::Values& values, bool delta, std::uint64_t others,
                       WireDictionary& dictionary, const StreamLimits& limits, DecodedBudget& budget) {
  BodyReader body(batch, wire_body, limits, budget, {"entry", delta ? dictionary.size : 0});
  const Column column = decode_column(body, values.column);
  const std::int64_t rows = body.rows();
  const bool texts = values.field.type == DType::utf8;
  const std::size_t width = texts ? Dictionary::entry_bytes : size_of(values.field.type);
  if (!delta) dictionary = {};
  std::uint64_t bytes = static_cast<std::uint64_t>(rows) * width;
  if (texts) bytes += static_cast<std::uint64_t>(column.offsets[rows] - column.offsets[0]);
  // It outlives the message that brought it, and deltas make it grow.
  if (dictionary.bytes + bytes > limits.decoded() - std::min(others, limits.decoded())) {
    throw data_error("the stream's dictionaries take more memory than the limit of {} bytes",
                     limits.decoded())
        .advise("; {} times --max-frame", StreamLimits::decoded_frames);
  }
  if (dictionary.size + rows > std::numeric_limits<std::int32_t>::max()) {
    fail_data("the dictionary has {} entries, too many to be counted in 32 bits", dictionary.size + rows);
  }
  dictionary.bytes += bytes;
  append_missing(column, rows, dictionary);
  if (texts) {
    dictionary.texts = with_texts(dictionary.texts.get(), column, rows);
  } else {
    const auto more = static_cast<std::size_t>(rows) * width;
    if (more > 0) dictionary.values.insert(dictionary.values.end(), column.data, column.data + more);
  }
  dictionary.field = values.field;
  dictionary.size += rows;
}

}  // namespace nn::format
