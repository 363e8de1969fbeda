#include "format/arrow/batch.hpp"

#include <cstring>
#include <limits>
#include <string>

#include "Message_generated.h"
#include "base/error.hpp"
#include "base/text.hpp"

namespace nn::format {
namespace {

using Layout = WireColumn::Layout;

void skip(BodyReader& body, const WireColumn& wire) {
  for (std::size_t i = 0; i < wire.nodes; ++i) body.node(i == 0 ? body.rows() : -1);
  for (std::size_t i = 0; i < wire.buffers; ++i) body.raw_buffer();
  for (std::size_t i = 0; i < wire.views; ++i) {
    for (std::int64_t n = body.view_buffers(); n > 0; --n) body.raw_buffer();
  }
}

Column decode_nothing(BodyReader& body) {
  body.node(body.rows());
  Column out;
  out.data = body.zeros(static_cast<std::size_t>(body.rows()) * sizeof(double));
  out.validity = reinterpret_cast<const std::uint8_t*>(out.data);
  if (body.rows() == 0) out.validity = nullptr;
  return out;
}

Column decode_scalars(BodyReader& body, DType type) {
  Column out;
  const std::int64_t missing = body.node(body.rows());
  out.validity = body.validity(missing, body.rows());
  out.data = type == DType::boolean ? body.unpacked_bits(body.rows())
                                    : body.values(body.rows(), size_of(type), size_of(type));
  return out;
}

Column decode_quantities(BodyReader& body, const Quantity& quantity) {
  Column out;
  const std::int64_t missing = body.node(body.rows());
  out.validity = body.validity(missing, body.rows());
  const std::byte* from = body.values(body.rows(), quantity.width, 1);
  if (quantity.is_whole) {
    auto* to = body.make_array<std::int64_t>(body.rows());
    for (std::int64_t row = 0; row < body.rows(); ++row, from += quantity.width) {
      const auto value = whole_quantity(quantity, from);
      if (!value && out.valid(row))
        throw data_error("more digits than its type has").within(body.row_name(row));
      to[row] = value.value_or(0);
    }
    out.data = reinterpret_cast<const std::byte*>(to);
    return out;
  }
  auto* to = body.make_array<double>(body.rows());
  convert_quantities(quantity, from, body.rows(), to);
  out.data = reinterpret_cast<const std::byte*>(to);
  return out;
}

Column decode_quantity_texts(BodyReader& body, const Quantity& quantity) {
  Column out;
  const std::int64_t missing = body.node(body.rows());
  out.validity = body.validity(missing, body.rows());
  const std::byte* from = body.values(body.rows(), quantity.width, 1);
  std::string texts;
  auto* offsets = body.make_array<std::int32_t>(body.rows() + 1);
  offsets[0] = 0;
  for (std::int64_t row = 0; row < body.rows(); ++row, from += quantity.width) {
    if (out.valid(row)) texts += quantity_text(quantity, from);
    if (texts.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
      fail_data("more than 2 GiB of text in one batch");
    offsets[row + 1] = static_cast<std::int32_t>(texts.size());
  }
  std::byte* to = body.make(texts.size()).data();
  if (!texts.empty()) std::memcpy(to, texts.data(), texts.size());
  out.data = to;
  out.offsets = offsets;
  return out;
}

// Values inside a list may only be missing where the whole row is.
void refuse_holes(const BodyReader& body, const Column& column, const std::uint8_t* present,
                  std::int64_t values) {
  for (std::int64_t row = 0; row < body.rows(); ++row) {
    if (!column.valid(row)) continue;
    for (std::int64_t i = row * values; i < (row + 1) * values; ++i) {
      if ((present[i >> 3] >> (i & 7) & 1) == 0) {
        throw data_error("element {} of its tensor is missing; only whole tensors may be", i - row * values)
            .within(body.row_name(row));
      }
    }
  }
}

Column decode_tensor(BodyReader& body, const WireColumn& wire) {
  Column out;
  const std::int64_t missing = body.node(body.rows());
  out.validity = body.validity(missing, body.rows());
  std::int64_t values = 1;  // of a row, at the level of nesting that the loop has come to
  for (const std::int64_t size : wire.lists) {
    values *= size;
    if (values > 0 && body.rows() > std::numeric_limits<std::int64_t>::max() / 8 / values) {
      fail_data("{} tensors of {} values", body.rows(), values);
    }
    const std::int64_t count = body.rows() * values;
    const std::int64_t holes = body.node(count);
    const std::uint8_t* present = body.validity(holes, count);
    if (present != nullptr) refuse_holes(body, out, present, values);
  }
  const std::int64_t count = body.rows() * values;
  if (values == 0) body.charge(static_cast<std::uint64_t>(body.rows()));  // rows that take no bytes
  out.data = wire.type == DType::boolean ? body.unpacked_bits(count)
                                         : body.values(count, size_of(wire.type), size_of(wire.type));
  return out;
}

}  // namespace

Column decode_column(BodyReader& body, const WireColumn& wire) {
  switch (wire.layout) {
    case Layout::scalars: return decode_scalars(body, wire.type);
    case Layout::tensor: return decode_tensor(body, wire);
    case Layout::nothing: return decode_nothing(body);
    case Layout::quantities: return decode_quantities(body, wire.quantity);
    case Layout::quantity_texts: return decode_quantity_texts(body, wire.quantity);
    case Layout::skipped: skip(body, wire); return {};
    default: return decode_texts(body, wire.layout);
  }
}

std::vector<Column> decode_batch(const arrow::RecordBatch& batch, std::int64_t first_row,
                                 const WireBody& wire_body, const WireSchema& schema,
                                 const WireDictionaries& dictionaries, const StreamLimits& limits,
                                 DecodedBudget& budget) {
  BodyReader body(batch, wire_body, limits, budget, {"row", first_row});
  std::vector<Column> columns;
  columns.reserve(schema.columns.size());
  for (std::size_t i = 0; i < schema.columns.size(); ++i) {
    const Field& field = schema.schema->fields[i];
    const WireColumn& wire = schema.columns[i];
    try {
      Column column;
      if (wire.layout == Layout::dictionary) {
        static const WireDictionary none;
        const auto found = dictionaries.find(wire.dictionary_id);
        if (found == dictionaries.end() && body.rows() > 0) fail_data("its dictionary has not come");
        column = decode_indices(body, wire, field, found == dictionaries.end() ? none : found->second);
      } else {
        column = decode_column(body, wire);
      }
      if (column.validity != nullptr && !field.nullable) {
        fail_data("missing values where the schema says that there are none");
      }
      column.owner = body.owner();
      columns.push_back(std::move(column));
    } catch (const Error& error) {
      throw error.within(fmt::format("column '{}'", printable(field.name)));
    }
  }
  return columns;
}

}  // namespace nn::format
