#include "format/text/output.hpp"

#include <fmt/compile.h>

#include <cmath>
#include <iterator>
#include <limits>
#include <string>
#include <unordered_set>

#include "base/error.hpp"
#include "tensor/name_list.hpp"

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

namespace {

// What the elements of a column are called: classes, where they are probabilities.
std::vector<std::string> names_of_elements(const Schema& schema, const Field& field) {
  if (field.shape.size() != 1) return {};
  if (std::vector<std::string> names = element_names(field); !names.empty()) return names;
  const std::string* classes = field.name == "proba" ? schema.metadata.find("nn.classes") : nullptr;
  auto list = classes != nullptr ? parse_name_list(*classes) : std::nullopt;
  if (!list || list->mixed || static_cast<std::int64_t>(list->names.size()) != field.shape[0]) return {};
  return std::move(list->names);
}

// The same behind the column's name; empty where two columns of the table would have one name.
std::vector<std::string> names_as_columns(const Schema& schema, const Field& field) {
  std::vector<std::string> names = names_of_elements(schema, field);
  std::unordered_set<std::string_view> taken;
  for (const Field& other : schema.fields) taken.insert(other.name);
  for (std::string& name : names) name = field.name + "_" + name;
  for (const std::string& name : names) {
    if (!taken.insert(name).second) return {};
  }
  return names;
}

}  // namespace

std::vector<TextColumn> text_columns(const Schema& schema, NumberWriter (*writer_of)(DType),
                                     std::int64_t most_named) {
  std::vector<TextColumn> columns;
  for (std::size_t i = 0; i < schema.fields.size(); ++i) {
    const Field& field = schema.fields[i];
    if (field.type == DType::opaque) continue;
    const NumberWriter writer = is_text(field.type) ? nullptr : writer_of(field.type);
    const std::int64_t elements = element_count(field.shape);
    const auto names = elements <= most_named ? names_as_columns(schema, field) : std::vector<std::string>();
    for (std::size_t e = 0; e < names.size(); ++e) {
      Field element = field;
      element.name = names[e];
      element.shape = {};
      columns.push_back({i, std::move(element), 1, writer, static_cast<std::int64_t>(e), elements});
    }
    if (names.empty()) columns.push_back({i, field, elements, writer, 0, elements});
  }
  return columns;
}

void TextSink::flush() {
  if (out_.size() == 0) return;
  file_.write(out_.view());
  out_.clear();
}

}  // namespace nn::format
