#include <algorithm>
#include <cstring>
#include <limits>

#include "base/error.hpp"
#include "table/rows.hpp"

namespace nn::table {
namespace {

struct Gathered {
  Buffer values, offsets, validity;
};

void gather_text(std::span<const Batch* const> batches, std::span<const RowPlace> places, std::size_t column,
                 Gathered& out) {
  const auto text_at = [&](const RowPlace& place) {
    const Column& from = batches[place.batch]->columns[column];
    return from.valid(place.row) ? from.text(place.row) : std::string_view();
  };
  std::size_t bytes = 0;
  for (const RowPlace& place : places) bytes += text_at(place).size();
  if (bytes > std::numeric_limits<std::int32_t>::max()) fail_data("more than 2 GiB of text in one batch");
  out.values = Buffer(bytes);
  out.offsets = Buffer((places.size() + 1) * sizeof(std::int32_t));
  auto* offsets = out.offsets.as<std::int32_t>();
  std::size_t at = 0;
  for (std::size_t i = 0; i < places.size(); ++i) {
    offsets[i] = static_cast<std::int32_t>(at);
    const std::string_view text = text_at(places[i]);
    std::copy(text.begin(), text.end(), reinterpret_cast<char*>(out.values.data()) + at);
    at += text.size();
  }
  offsets[places.size()] = static_cast<std::int32_t>(at);
}

void gather_validity(std::span<const Batch* const> batches, std::span<const RowPlace> places,
                     std::size_t column, Gathered& out) {
  const std::size_t bytes = (places.size() + 7) / 8;
  out.validity = Buffer(bytes);
  auto* bits = out.validity.as<std::uint8_t>();
  std::fill_n(bits, bytes, std::uint8_t{0});
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (batches[places[i].batch]->columns[column].valid(places[i].row)) {
      bits[i >> 3] = static_cast<std::uint8_t>(bits[i >> 3] | 1u << (i & 7));
    }
  }
}

Column gather_column(std::span<const Batch* const> batches, std::span<const RowPlace> places,
                     std::size_t column, const Field& field) {
  Column out;
  if (field.type == DType::opaque) return out;
  auto owned = std::make_shared<Gathered>();
  if (field.type == DType::utf8) {
    gather_text(batches, places, column, *owned);
    out.offsets = owned->offsets.as<std::int32_t>();
  } else {
    const std::size_t width = static_cast<std::size_t>(element_count(field.shape)) * size_of(field.type);
    owned->values = Buffer(places.size() * width);
    std::byte* to = owned->values.data();
    for (const RowPlace& place : places) {
      std::memcpy(to, batches[place.batch]->columns[column].data + place.row * width, width);
      to += width;
    }
  }
  out.data = owned->values.data();
  bool any_missing = false;
  for (const Batch* batch : batches) {
    const Column& from = batch->columns[column];
    any_missing = any_missing || from.validity != nullptr;
    if (from.dictionary && (!out.dictionary || from.dictionary->size() > out.dictionary->size())) {
      out.dictionary = from.dictionary;
    }
  }
  if (any_missing) {
    gather_validity(batches, places, column, *owned);
    out.validity = owned->validity.as<std::uint8_t>();
  }
  out.owner = std::move(owned);
  return out;
}

// The numbers of `count` rows, by a function of each.
template <typename Number>
std::shared_ptr<const std::int64_t> numbers_of(std::size_t count, Number number) {
  const auto numbers = std::make_shared<std::vector<std::int64_t>>(count);
  for (std::size_t i = 0; i < count; ++i) (*numbers)[i] = number(i);
  return {numbers, numbers->data()};
}

}  // namespace

Batch gather_rows(std::span<const Batch* const> batches, std::span<const RowPlace> places,
                  std::int64_t first_row) {
  Batch out{batches.front()->schema, first_row, static_cast<std::int64_t>(places.size()), {}};
  out.numbers = numbers_of(places.size(),
                           [&](std::size_t i) { return batches[places[i].batch]->number_of(places[i].row); });
  for (std::size_t i = 0; i < out.schema->fields.size(); ++i) {
    out.columns.push_back(gather_column(batches, places, i, out.schema->fields[i]));
  }
  return out;
}

Batch take_rows(const Batch& batch, std::span<const std::int64_t> rows, std::int64_t first_row) {
  Batch out{batch.schema, first_row, static_cast<std::int64_t>(rows.size()), {}};
  out.numbers = numbers_of(rows.size(), [&](std::size_t i) { return batch.number_of(rows[i]); });
  for (std::size_t i = 0; i < batch.columns.size(); ++i) {
    out.columns.push_back(take(batch.schema->fields[i], batch.columns[i], rows));
  }
  return out;
}

}  // namespace nn::table
