#include "format/text/output.hpp"

#include <fmt/compile.h>

#include <cmath>
#include <iterator>
#include <limits>

#include "base/error.hpp"

namespace nn::format {
namespace {

enum class Style { plain, json, brief };

template <Style style, typename T>
void add_float(TextBuffer& out, T value) {
  if (!std::isfinite(value)) {
    if (style == Style::json) return out.add("null");
    if (std::isnan(value)) return out.add("nan");
    return out.add(value < 0 ? "-inf" : "inf");
  }
  if constexpr (style == Style::brief) {
    // Large values in full: 452600, not 4.526e+05.
    if (std::fabs(value) >= T{1e4} && std::fabs(value) < T{1e9}) {
      fmt::format_to(out.end(), FMT_COMPILE("{:.0f}"), value);
    } else {
      fmt::format_to(out.end(), FMT_COMPILE("{:.4g}"), value);
    }
  } else {
    fmt::format_to(out.end(), FMT_COMPILE("{}"), value);
  }
}

template <Style style, typename T>
void add_element(TextBuffer& out, const std::byte* data, std::int64_t index) {
  const T value = reinterpret_cast<const T*>(data)[index];
  if constexpr (std::is_floating_point_v<T>) {
    add_float<style>(out, value);
  } else if constexpr (sizeof(T) < sizeof(int)) {
    const fmt::format_int digits(static_cast<int>(value));
    out.add(std::string_view(digits.data(), digits.size()));
  } else {
    const fmt::format_int digits(value);
    out.add(std::string_view(digits.data(), digits.size()));
  }
}

template <Style style>
void add_half(TextBuffer& out, const std::byte* data, std::int64_t index) {
  add_float<style>(out, half_to_float(reinterpret_cast<const std::uint16_t*>(data)[index]));
}

void add_true_or_false(TextBuffer& out, const std::byte* data, std::int64_t index) {
  out.add(data[index] != std::byte{0} ? "true" : "false");
}

template <Style style>
NumberWriter number_writer(DType type) {
  switch (type) {
    case DType::boolean: return style == Style::plain ? add_element<style, std::uint8_t> : add_true_or_false;
    case DType::i8: return add_element<style, std::int8_t>;
    case DType::i16: return add_element<style, std::int16_t>;
    case DType::i32: return add_element<style, std::int32_t>;
    case DType::i64: return add_element<style, std::int64_t>;
    case DType::u8: return add_element<style, std::uint8_t>;
    case DType::u16: return add_element<style, std::uint16_t>;
    case DType::u32: return add_element<style, std::uint32_t>;
    case DType::u64: return add_element<style, std::uint64_t>;
    case DType::f16: return add_half<style>;
    case DType::f32: return add_element<style, float>;
    case DType::f64: return add_element<style, double>;
    default: fail(ErrorKind::internal, "{} is not a number type", name_of(type));
  }
}

}  // namespace

NumberWriter plain_number_writer(DType type) { return number_writer<Style::plain>(type); }
NumberWriter json_number_writer(DType type) { return number_writer<Style::json>(type); }
NumberWriter short_number_writer(DType type) { return number_writer<Style::brief>(type); }

std::string_view text_at(const Field& field, const Column& column, std::int64_t row) {
  if (field.type == DType::utf8) return column.text(row);
  return (*column.dictionary)[static_cast<std::size_t>(column.as<std::int32_t>()[row])];
}

std::vector<TextColumn> text_columns(const Schema& schema, NumberWriter (*writer_of)(DType)) {
  std::vector<TextColumn> columns;
  for (std::size_t i = 0; i < schema.fields.size(); ++i) {
    const Field& field = schema.fields[i];
    if (field.type == DType::opaque) continue;
    const NumberWriter writer = is_text(field.type) ? nullptr : writer_of(field.type);
    columns.push_back({i, field, element_count(field.shape), writer});
  }
  return columns;
}

void TextSink::flush() {
  if (out_.size() == 0) return;
  file_.write(out_.view());
  out_.clear();
}

}  // namespace nn::format
