// The loops behind BoundEncoder::encode().
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.hpp"
#include "model/category.hpp"
#include "model/encoder.hpp"
#include "model/number_rule.hpp"
#include "model/values.hpp"

namespace nn::model {
namespace {

// The destination of a block of rows: element `at` of each of `count` rows of `stride` floats.
struct Block {
  std::int64_t first, count;
  float* out;  // first row of the block, first float of the column
  std::int64_t stride;
};

constexpr std::uint32_t exponent_mask = 0x7F800000;

// Non-zero when the float is infinite or not a number; written so that loops over it vectorise.
std::uint32_t not_finite(float value) {
  return (std::bit_cast<std::uint32_t>(value) & exponent_mask) == exponent_mask ? 1u : 0u;
}

// ---- numbers: one float a row

template <typename T>
bool encode_numbers(const T* values, const Column& column, const NumberRule& rule, const Block& block) {
  std::uint32_t bad = 0;
  float* out = block.out;
  values += block.first;
  if (column.validity == nullptr) {
    for (std::int64_t r = 0; r < block.count; ++r, out += block.stride) {
      double value = static_cast<double>(values[r]);
      value = value == value ? value : rule.fill;  // NaN is a missing value
      *out = static_cast<float>((value - rule.offset) * rule.scale);
      bad |= not_finite(*out);
    }
  } else {
    for (std::int64_t r = 0; r < block.count; ++r, out += block.stride) {
      double value = column.valid(block.first + r) ? static_cast<double>(values[r]) : rule.fill;
      value = value == value ? value : rule.fill;
      *out = static_cast<float>((value - rule.offset) * rule.scale);
      bad |= not_finite(*out);
    }
  }
  return bad == 0;
}

// ---- tensors

template <typename T>
bool encode_plain(const T* values, std::int64_t n, const Block& block) {
  std::uint32_t bad = 0;
  for (std::int64_t r = 0; r < block.count; ++r) {
    const T* in = values + (block.first + r) * n;
    float* out = block.out + r * block.stride;
    for (std::int64_t i = 0; i < n; ++i) {
      out[i] = static_cast<float>(static_cast<double>(in[i]));
      bad |= not_finite(out[i]);
    }
  }
  return bad == 0;
}

// Floats as they are: the loop above, without the way through double.
bool encode_plain(const float* values, std::int64_t n, const Block& block) {
  std::uint32_t bad = 0;
  for (std::int64_t r = 0; r < block.count; ++r) {
    const float* in = values + (block.first + r) * n;
    float* out = block.out + r * block.stride;
    for (std::int64_t i = 0; i < n; ++i) {
      out[i] = in[i];
      bad |= not_finite(in[i]);
    }
  }
  return bad == 0;
}

template <typename T>
bool encode_scaled(const T* values, std::int64_t n, const double* offset, const double* scale,
                   const Block& block) {
  std::uint32_t bad = 0;
  for (std::int64_t r = 0; r < block.count; ++r) {
    const T* in = values + (block.first + r) * n;
    float* out = block.out + r * block.stride;
    for (std::int64_t i = 0; i < n; ++i) {
      out[i] = static_cast<float>((static_cast<double>(in[i]) - offset[i]) * scale[i]);
      bad |= not_finite(out[i]);
    }
  }
  return bad == 0;
}

template <typename T>
bool encode_scaled_by_one(const T* values, std::int64_t n, double offset, double scale, const Block& block) {
  std::uint32_t bad = 0;
  for (std::int64_t r = 0; r < block.count; ++r) {
    const T* in = values + (block.first + r) * n;
    float* out = block.out + r * block.stride;
    for (std::int64_t i = 0; i < n; ++i) {
      out[i] = static_cast<float>((static_cast<double>(in[i]) - offset) * scale);
      bad |= not_finite(out[i]);
    }
  }
  return bad == 0;
}

// Bytes have 256 values: a table gives the same floats as the formula, without its doubles.
bool encode_scaled_by_one(const std::uint8_t* values, std::int64_t n, double offset, double scale,
                          const Block& block) {
  std::array<float, 256> table;
  std::uint32_t bad = 0;
  for (std::size_t v = 0; v < table.size(); ++v) {
    table[v] = static_cast<float>((static_cast<double>(v) - offset) * scale);
    bad |= not_finite(table[v]);
  }
  for (std::int64_t r = 0; r < block.count; ++r) {
    const std::uint8_t* in = values + (block.first + r) * n;
    float* out = block.out + r * block.stride;
    for (std::int64_t i = 0; i < n; ++i) out[i] = table[in[i]];
  }
  return bad == 0;
}

template <typename T>
bool encode_tensors(const T* values, const InputColumn& input, const Block& block) {
  const std::int64_t n = input.width();
  if (input.scale.empty()) return encode_plain(values, n, block);
  if (input.scale.size() == 1) return encode_scaled_by_one(values, n, input.offset[0], input.scale[0], block);
  return encode_scaled(values, n, input.offset.data(), input.scale.data(), block);
}

// ---- errors: found again slowly, so that the loops above stay tight

[[noreturn]] void fail_number(const Batch& batch, const Column& column, DType type, const InputColumn& input,
                              const Block& block) {
  const NumberRule rule = rule_of(input);
  for (std::int64_t r = block.first; r < block.first + block.count; ++r) {
    if (!column.valid(r)) continue;
    const double value = number_at(type, column.data, r);
    if (std::isnan(value) || not_finite(static_cast<float>((value - rule.offset) * rule.scale)) == 0)
      continue;
    throw Error(ErrorKind::data, unusable_text(value)).within(cell_name(batch, r, input.name));
  }
  throw data_error("the value that stands for a missing one is too large").within(column_name(input.name));
}

[[noreturn]] void fail_tensor(const Batch& batch, const Column& column, DType type, const InputColumn& input,
                              const Block& block) {
  const std::int64_t n = input.width();
  for (std::int64_t r = block.first; r < block.first + block.count; ++r) {
    for (std::int64_t i = 0; i < n; ++i) {
      const double value = number_at(type, column.data, r * n + i);
      const auto at = input.scale.size() == 1 ? std::size_t{0} : static_cast<std::size_t>(i);
      const double encoded = input.scale.empty() ? value : (value - input.offset[at]) * input.scale[at];
      if (not_finite(static_cast<float>(encoded)) == 0) continue;
      fail_data("{}, element {}: {}", cell_name(batch, r, input.name), i, unusable_text(value));
    }
  }
  throw make_error(ErrorKind::internal, "a value is not finite").within(column_name(input.name));
}

// ---- numbers that come together: the same arithmetic as for columns, along a row

template <typename T>
bool encode_matrix_rows(const T* values, std::int64_t rows, std::int64_t n, const double* fill,
                        const double* offset, const double* scale, float* out) {
  std::uint32_t bad = 0;
  for (std::int64_t r = 0; r < rows; ++r, values += n, out += n) {
    for (std::int64_t i = 0; i < n; ++i) {
      double value = static_cast<double>(values[i]);
      value = value == value ? value : fill[i];  // NaN is a missing value
      out[i] = static_cast<float>((value - offset[i]) * scale[i]);
      bad |= not_finite(out[i]);
    }
  }
  return bad == 0;
}

std::string_view text_of(const Column& column, DType type, std::int64_t row) {
  if (type == DType::utf8) return column.text(row);
  return (*column.dictionary)[static_cast<std::size_t>(column.as<std::int32_t>()[row])];
}

// A column of another kind is welcome as long as all its cells are empty, or true and false.
void require_missing(const Batch& batch, const Column& column, const Field& field, const InputColumn& input) {
  const bool number = input.kind == InputColumn::Kind::number;
  if (field.type == DType::boolean && are_truths(input.categories)) return;
  for (std::int64_t r = 0; r < batch.rows; ++r) {
    if (!column.valid(r)) continue;
    if (number && is_text(field.type) && truth_of(text_of(column, field.type, r))) continue;
    if (is_float(field.type) && std::isnan(number_at(field.type, column.data, r))) continue;
    const Error error = data_error("the model needs {} here, but the table has {}",
                                   number ? "a number" : "text", printable(value_text(field, column, r)))
                            .within(cell_name(batch, r, input.name));
    throw number ? error.advise(" (--missing names what stands for a missing value)")
                 : error.advise(" (--text keeps numbers as text)");
  }
}

void require_present(const Batch& batch, const Column& column, const InputColumn& input) {
  if (column.validity == nullptr) return;
  for (std::int64_t r = 0; r < batch.rows; ++r) {
    if (!column.valid(r)) {
      throw data_error("the {} is missing, and nothing can stand for it",
                       input.shape.empty() ? "value" : "tensor")
          .within(cell_name(batch, r, input.name));
    }
  }
}

// These return how many cells of the block have a text that is none of the categories.

std::int64_t boolean_block(const InputColumn& input, const Column& column, const Block& block) {
  std::int64_t unknown = 0;
  std::int32_t positions[2] = {-1, -1};
  for (std::size_t i = 0; i < input.categories.size(); ++i)
    positions[truth_of(input.categories[i]).value_or(false) ? 1 : 0] = static_cast<std::int32_t>(i);
  for (std::int64_t r = 0; r < block.count; ++r) {
    float* out = block.out + r * block.stride;
    std::fill_n(out, input.width(), 0.0f);
    if (!column.valid(block.first + r)) continue;
    const std::int32_t category = positions[column.as<std::uint8_t>()[block.first + r] != 0 ? 1 : 0];
    if (category >= 0) out[category] = 1.0f;
    unknown += category < 0 ? 1 : 0;
  }
  return unknown;
}

std::int64_t category_block(const CategoryIndex& index, const Column& column, DType type, std::int64_t width,
                            const Block& block) {
  std::int64_t unknown = 0;
  for (std::int64_t r = 0; r < block.count; ++r) {
    float* out = block.out + r * block.stride;
    std::fill_n(out, width, 0.0f);
    const std::int32_t category = index.of(column, type, block.first + r);
    if (category >= 0) out[category] = 1.0f;
    unknown += category < 0 && column.valid(block.first + r) ? 1 : 0;
  }
  return is_text(type) ? unknown : 0;
}

void number_block(const Batch& batch, const Column& column, DType type, const InputColumn& input,
                  const Block& block) {
  const NumberRule rule = rule_of(input);
  if (is_text(type)) {  // all missing, or true and false, as require_missing() made sure
    for (std::int64_t r = 0; r < block.count; ++r) {
      const std::int64_t row = block.first + r;
      const double value = !column.valid(row)                             ? rule.fill
                           : truth_of(text_of(column, type, row)) == true ? 1
                                                                          : 0;
      block.out[r * block.stride] = static_cast<float>((value - rule.offset) * rule.scale);
    }
    return;
  }
  const bool good = visit_numbers(
      type, column, [&](const auto* values) { return encode_numbers(values, column, rule, block); });
  if (!good) fail_number(batch, column, type, input, block);
}

void tensor_block(const Batch& batch, const Column& column, DType type, const InputColumn& input,
                  const Block& block) {
  const bool good =
      visit_numbers(type, column, [&](const auto* values) { return encode_tensors(values, input, block); });
  if (!good) fail_tensor(batch, column, type, input, block);
}

// Rows that are encoded column by column before going on: the block of the output stays
// in the first-level cache.
std::int64_t block_rows(std::int64_t width) {
  constexpr std::int64_t floats = 8192 / 2;
  return std::clamp<std::int64_t>(floats / std::max<std::int64_t>(width, 1), 8, 1024);
}

}  // namespace

std::string unusable_text(double value) {
  if (std::isnan(value)) return "NaN is not a number that a network can learn from";
  if (std::isinf(value)) return "infinity is not a number that a network can learn from";
  return fmt::format("{} is too large for the network's 32-bit numbers", value);
}

void BoundEncoder::encode_matrix(const Batch& batch, float* x) const {
  const Matrix& matrix = *matrix_;
  const Column& column = batch.columns[matrix.column];
  const std::string& name = batch.schema->fields[matrix.column].name;
  for (std::int64_t r = 0; column.validity != nullptr && r < batch.rows; ++r) {
    if (column.valid(r)) continue;
    throw data_error("the tensor is missing, and nothing can stand for it").within(cell_name(batch, r, name));
  }
  const bool good = visit_numbers(matrix.type, column, [&](const auto* values) {
    return encode_matrix_rows(values, batch.rows, width_, matrix.fill.data(), matrix.offset.data(),
                              matrix.scale.data(), x);
  });
  if (good) return;
  for (std::int64_t at = 0; at < batch.rows * width_; ++at) {
    if (not_finite(x[at]) == 0) continue;
    const auto i = static_cast<std::size_t>(at % width_);
    const double value = number_at(matrix.type, column.data, at);
    fail_data(
        "{}, element {} (the model's {}): {}", cell_name(batch, at / width_, name), i,
        column_name((*inputs_)[i].name),
        std::isnan(value) ? "the value that stands for a missing one is too large" : unusable_text(value));
  }
}

Batch BoundEncoder::as_wide(const Batch& batch) const {
  Batch out = batch;
  for (const Binding& binding : bindings_) {
    if (!binding.overlap) continue;
    const Binding::Overlap& overlap = *binding.overlap;
    const Column& from = batch.columns[binding.column];
    const auto size = static_cast<std::int64_t>(size_of(binding.type));
    const std::int64_t row_bytes = binding.input->width() * size;
    Buffer values(static_cast<std::size_t>(batch.rows * row_bytes));
    std::memset(values.data(), 0, static_cast<std::size_t>(batch.rows * row_bytes));
    for (std::int64_t r = 0; r < batch.rows; ++r) {
      std::memcpy(values.data() + r * row_bytes + overlap.to * size,
                  from.data + (r * overlap.table_width + overlap.from) * size,
                  static_cast<std::size_t>(overlap.count * size));
    }
    Column column = make_column(std::move(values));
    column.validity = from.validity;
    column.validity_offset = from.validity_offset;
    out.columns[binding.column] = std::move(column);
  }
  return out;
}

void BoundEncoder::encode(const Batch& batch, float* x) const {
  if (matrix_) return encode_matrix(batch, x);
  if (overlaps_) return encode_columns(as_wide(batch), x);
  encode_columns(batch, x);
}

void BoundEncoder::encode_columns(const Batch& batch, float* x) const {
  // One index a category column: a batch's dictionary is matched with the model's categories once. Without
  // such columns nothing is allocated.
  std::vector<CategoryIndex> categories;
  for (const Binding& binding : bindings_) {
    const Column& column = batch.columns[binding.column];
    const InputColumn& input = *binding.input;
    const bool wants_text = input.kind == InputColumn::Kind::category;
    if (wants_text != is_text(binding.type)) {
      require_missing(batch, column, batch.schema->fields[binding.column], input);
    }
    if (input.kind == InputColumn::Kind::tensor) require_present(batch, column, input);
    if (wants_text) categories.emplace_back(std::span(input.categories), column, binding.type, batch.rows);
  }
  const std::int64_t step = block_rows(width_);
  for (std::int64_t first = 0; first < batch.rows; first += step) {
    auto category = categories.begin();
    for (const Binding& binding : bindings_) {
      const Block block{first, std::min(step, batch.rows - first), x + first * width_ + binding.at, width_};
      const Column& column = batch.columns[binding.column];
      switch (binding.input->kind) {
        case InputColumn::Kind::number:
          number_block(batch, column, binding.type, *binding.input, block);
          break;
        case InputColumn::Kind::tensor:
          tensor_block(batch, column, binding.type, *binding.input, block);
          break;
        case InputColumn::Kind::category: {
          const bool truths = binding.type == DType::boolean && are_truths(binding.input->categories);
          const std::int64_t unknown =
              truths ? boolean_block(*binding.input, column, block)
                     : category_block(*category, column, binding.type, binding.input->width(), block);
          ++category;
          if (unknown > 0) unknown_->add(static_cast<std::size_t>(binding.input - inputs_->data()), unknown);
          break;
        }
      }
    }
  }
}

std::optional<std::array<float, 256>> BoundEncoder::byte_values() const {
  if (bindings_.size() != 1 || bindings_[0].type != DType::u8 || overlaps_) return std::nullopt;
  const InputColumn& input = *bindings_[0].input;
  if (input.kind != InputColumn::Kind::tensor || input.scale.size() > 1) return std::nullopt;
  const double offset = input.scale.empty() ? 0 : input.offset[0];
  const double scale = input.scale.empty() ? 1 : input.scale[0];
  std::array<float, 256> values{};
  for (std::size_t b = 0; b < values.size(); ++b)
    values[b] = static_cast<float>((static_cast<double>(b) - offset) * scale);
  const bool finite = std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
  return finite ? std::optional(values) : std::nullopt;
}

const std::uint8_t* BoundEncoder::bytes(const Batch& batch) const {
  const Column& column = batch.columns[bindings_[0].column];
  require_present(batch, column, *bindings_[0].input);
  return column.as<std::uint8_t>();
}

}  // namespace nn::model
