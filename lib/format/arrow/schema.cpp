#include "format/arrow/schema.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "Schema_generated.h"
#include "base/ascii.hpp"
#include "base/error.hpp"
#include "base/json_text.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"
#include "tensor/first_feature.hpp"

namespace nn::format {
namespace {

constexpr std::string_view extension_name = "ARROW:extension:name";
constexpr std::string_view extension_metadata = "ARROW:extension:metadata";
constexpr std::string_view tensor_extension = "arrow.fixed_shape_tensor";
constexpr int deepest_nesting = 32;
constexpr std::size_t most_tensor_metadata = 64 << 10;
constexpr std::int64_t most_elements = std::int64_t{1} << 31;

using Layout = WireColumn::Layout;

// Takes texts out of a schema's message, and counts them: any number of fields may refer to the same one.
class Texts {
 public:
  Texts(std::size_t message_bytes, bool others)
      : left_(most_copies * message_bytes + some_bytes), others_(others) {}

  std::string take(const flatbuffers::String* text) {
    const std::size_t size = text == nullptr ? 0 : text->size();
    if (size > left_) {
      fail_data("names and metadata of many times the {} bytes of the schema",
                (taken_ + left_) / most_copies);
    }
    taken_ += size;
    left_ -= size;
    return flatbuffers::GetString(text);
  }

  template <typename Pairs>
  Metadata metadata(const Pairs* pairs) {
    Metadata metadata;
    if (pairs == nullptr) return metadata;
    for (const auto* pair : *pairs) {
      if (!others_ && !says_what_it_is(pair->key())) continue;
      std::string key = take(pair->key());
      metadata.set(key, take(pair->value()));
    }
    return metadata;
  }

  static bool says_what_it_is(const flatbuffers::String* key) {
    const std::string_view name = flatbuffers::GetStringView(key);
    return name.starts_with("ARROW:") || name == first_feature_key;
  }

 private:
  static constexpr std::size_t most_copies = 4, some_bytes = 64 << 10;
  std::size_t left_, taken_ = 0;
  bool others_;  // than Arrow's own keys
};

// Nodes, buffers and view lists of a type that is stepped over. False for types whose
// layout we don't know.
bool count_layout(const arrow::Field& field, bool old_unions, WireColumn& column, int depth) {
  if (depth > deepest_nesting) return false;
  using arrow::Type;
  column.nodes += 1;
  if (field.dictionary() != nullptr) {
    column.buffers += 2;
    return true;
  }
  switch (field.type_type()) {
    case Type::Null: break;
    case Type::Int:
    case Type::FloatingPoint:
    case Type::Bool:
    case Type::Decimal:
    case Type::Date:
    case Type::Time:
    case Type::Timestamp:
    case Type::Interval:
    case Type::FixedSizeBinary:
    case Type::Duration: column.buffers += 2; break;
    case Type::Binary:
    case Type::Utf8:
    case Type::LargeBinary:
    case Type::LargeUtf8: column.buffers += 3; break;
    case Type::BinaryView:
    case Type::Utf8View:
      column.buffers += 2;
      column.views += 1;
      break;
    case Type::List:
    case Type::LargeList:
    case Type::Map: column.buffers += 2; break;
    case Type::ListView:
    case Type::LargeListView: column.buffers += 3; break;
    case Type::Struct_:
    case Type::FixedSizeList: column.buffers += 1; break;
    case Type::Union:
      if (field.type_as_Union() == nullptr) return false;
      column.buffers += field.type_as_Union()->mode() == arrow::UnionMode::Dense ? 2 : 1;
      column.buffers += old_unions ? 1 : 0;
      break;
    case Type::RunEndEncoded: break;
    default: return false;
  }
  if (field.children() == nullptr) return true;
  for (const auto* child : *field.children()) {
    if (!count_layout(*child, old_unions, column, depth + 1)) return false;
  }
  return true;
}

std::string type_name(const arrow::Field& field) {
  std::string name;
  for (const char c : std::string_view(arrow::EnumNameType(field.type_type()))) {
    if (c != '_') name += to_lower(c);
  }
  return name.empty() || name == "none" ? fmt::format("type {}", static_cast<int>(field.type_type())) : name;
}

bool number_type(const arrow::Field& field, DType& type) {
  if (const auto* integer = field.type_as_Int()) {
    const bool is_signed = integer->is_signed();
    switch (integer->bit_width()) {
      case 8: type = is_signed ? DType::i8 : DType::u8; return true;
      case 16: type = is_signed ? DType::i16 : DType::u16; return true;
      case 32: type = is_signed ? DType::i32 : DType::u32; return true;
      case 64: type = is_signed ? DType::i64 : DType::u64; return true;
      default: return false;
    }
  }
  if (const auto* real = field.type_as_FloatingPoint()) {
    type = real->precision() == arrow::Precision::HALF     ? DType::f16
           : real->precision() == arrow::Precision::SINGLE ? DType::f32
                                                           : DType::f64;
    return true;
  }
  if (field.type_type() == arrow::Type::Bool) {
    type = DType::boolean;
    return true;
  }
  return false;
}

// The parts of one field: what it is to us, and how it lies on the wire.
struct Described {
  Field field;
  WireColumn column;
};

void describe_skipped(const arrow::Field& wire, bool old_unions, Described& out) {
  out.field.type = DType::opaque;
  out.field.shape.clear();
  out.field.foreign_type = type_name(wire);
  out.column = {};
  out.column.layout = Layout::skipped;
  if (!count_layout(wire, old_unions, out.column, 0)) {
    fail(ErrorKind::unsupported, "column '{}' has the type {}, which cannot be read or stepped over",
         printable(out.field.name), out.field.foreign_type);
  }
}

// Takes the lists off a tensor, outermost first; null where it is none.
const arrow::Field* element_of(const arrow::Field& wire, std::vector<std::int64_t>& lists) {
  const arrow::Field* field = &wire;
  while (const auto* list = field->type_as_FixedSizeList()) {
    if (field->children() == nullptr || field->children()->size() != 1) return nullptr;
    lists.push_back(list->list_size());
    field = field->children()->Get(0);
    if (field->dictionary() != nullptr) return nullptr;
  }
  return lists.empty() ? nullptr : field;
}

bool describe_tensor(const arrow::Field& wire, Described& out) {
  std::vector<std::int64_t> lists;
  const arrow::Field* element = element_of(wire, lists);
  if (element == nullptr || !number_type(*element, out.column.type)) return false;
  std::int64_t elements = 1;
  for (const std::int64_t size : lists) {
    if (size < 0 || size > most_elements / std::max<std::int64_t>(elements, 1)) {
      fail_data("column '{}': tensors of shape {}", printable(out.field.name), to_string(lists));
    }
    elements *= size;
  }
  out.field.type = out.column.type;
  out.field.shape = lists;
  const auto* extension = out.field.metadata.find(extension_name);
  if (extension != nullptr && *extension == tensor_extension) {
    const auto* json = out.field.metadata.find(extension_metadata);
    out.field.shape = parse_tensor_metadata(json == nullptr ? "" : *json, out.field.name);
    if (element_count(out.field.shape) != elements) {
      fail_data("column '{}': shape {} in lists of {} values", printable(out.field.name),
                to_string(out.field.shape), elements);
    }
  }
  // The writer puts its own there.
  out.field.metadata.erase(extension_name);
  out.field.metadata.erase(extension_metadata);
  out.column.layout = Layout::tensor;
  out.column.lists = std::move(lists);
  return true;
}

// A field without its dictionary: what its values are.
Described describe(const arrow::Field& wire, bool old_unions, Texts& texts) {
  Described out;
  out.field.name = texts.take(wire.name());
  out.field.nullable = wire.nullable();
  out.field.metadata = texts.metadata(wire.custom_metadata());
  if (number_type(wire, out.column.type)) {
    out.field.type = out.column.type;
    return out;
  }
  if (const auto quantity = quantity_of(wire)) {
    out.field.type = out.column.type = quantity->is_whole ? DType::i64 : DType::f64;
    out.column.layout = Layout::quantities;
    out.column.quantity = *quantity;
    return out;
  }
  switch (wire.type_type()) {
    case arrow::Type::Utf8:
    case arrow::Type::LargeUtf8:
      out.field.type = DType::utf8;
      out.column.layout = wire.type_type() == arrow::Type::Utf8 ? Layout::texts : Layout::large_texts;
      return out;
    case arrow::Type::Utf8View:
      out.field.type = DType::utf8;
      out.column.layout = Layout::text_views;
      return out;
    case arrow::Type::Null:
      out.field.type = DType::f64;
      out.field.nullable = true;
      out.column.layout = Layout::nothing;
      return out;
    default: break;
  }
  if (!describe_tensor(wire, out)) describe_skipped(wire, old_unions, out);
  return out;
}

DType index_type(const arrow::DictionaryEncoding& encoding, const std::string& name) {
  const arrow::Int* type = encoding.index_type();
  if (type == nullptr) return DType::i32;
  const bool is_signed = type->is_signed();
  switch (type->bit_width()) {
    case 8: return is_signed ? DType::i8 : DType::u8;
    case 16: return is_signed ? DType::i16 : DType::u16;
    case 32: return is_signed ? DType::i32 : DType::u32;
    case 64: return is_signed ? DType::i64 : DType::u64;
    default: fail_data("column '{}': dictionary indices of {} bits", printable(name), type->bit_width());
  }
}

// Replaces the description of the values by one of indices into them.
void describe_dictionary(const arrow::Field& wire, bool old_unions, Described& out, WireSchema& schema) {
  const arrow::DictionaryEncoding& encoding = *wire.dictionary();
  const Layout layout = out.column.layout;
  if (layout == Layout::tensor || layout == Layout::skipped || layout == Layout::nothing) {
    return describe_skipped(wire, old_unions, out);
  }
  Field values = out.field;
  values.name = "dictionary of " + out.field.name;
  values.nullable = true;
  const auto [known, is_new] = schema.dictionaries.insert({encoding.id(), {out.column, values}});
  if (!is_new && (known->second.field.type != values.type || known->second.column.layout != layout)) {
    fail_data("column '{}': its dictionary {} is one of another type for another column",
              printable(out.field.name), encoding.id());
  }
  if (out.field.type == DType::utf8) out.field.type = DType::category;
  out.column = {};
  out.column.layout = Layout::dictionary;
  out.column.type = index_type(encoding, out.field.name);
  out.column.dictionary_id = encoding.id();
}

}  // namespace

WireSchema read_schema(const arrow::Schema& wire, bool old_unions, std::size_t bytes, bool keep_metadata) {
  if (wire.endianness() != arrow::Endianness::Little) {
    fail(ErrorKind::unsupported, "the stream is big-endian; only little-endian ones can be read");
  }
  WireSchema out;
  auto schema = std::make_shared<Schema>();
  Texts texts(bytes, keep_metadata);
  schema->metadata = texts.metadata(wire.custom_metadata());
  if (wire.fields() != nullptr) {
    for (const auto* field : *wire.fields()) {
      Described described = describe(*field, old_unions, texts);
      if (field->dictionary() != nullptr) describe_dictionary(*field, old_unions, described, out);
      schema->fields.push_back(std::move(described.field));
      out.columns.push_back(std::move(described.column));
    }
  }
  out.schema = std::move(schema);
  return out;
}

Shape parse_tensor_metadata(const std::string& text, const std::string& column) {
  const auto bad = [&]() {
    fail_data("column '{}': its tensor metadata is '{}', expected {{\"shape\":[...]}}", printable(column),
              printable(text));
  };
  if (text.size() > most_tensor_metadata || json_nests_deeper(text, deepest_nesting)) bad();
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("shape") || !json["shape"].is_array()) bad();
  Shape shape;
  std::int64_t elements = 1;
  for (const auto& dimension : json["shape"]) {
    if (!dimension.is_number_integer()) bad();
    const auto d = dimension.get<std::int64_t>();
    if (d < 0 || d > most_elements / std::max<std::int64_t>(elements, 1)) bad();
    elements *= d;
    shape.push_back(d);
  }
  if (shape.empty()) bad();
  if (json.contains("permutation") && json["permutation"].is_array()) {
    std::size_t i = 0;
    for (const auto& p : json["permutation"]) {
      if (p != i++) {
        fail(ErrorKind::unsupported, "column '{}': a permuted tensor; store it in row-major order",
             printable(column));
      }
    }
  }
  return shape;
}

std::string tensor_metadata(const Shape& shape) {
  return fmt::format("{{\"shape\":[{}]}}", fmt::join(shape, ","));
}

}  // namespace nn::format
