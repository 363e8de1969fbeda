#include "format/json/columns.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <optional>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "format/column_wishes.hpp"
#include "format/findings.hpp"

namespace nn::format {
namespace {

constexpr std::size_t most_columns = 65536;

// A column as the rows that were looked at show it.
struct Look {
  std::string name;
  std::int64_t numbers = 0, booleans = 0, texts = 0, arrays = 0;
  bool nested = false;
  std::optional<Shape> shape;
  std::string text;             // the first one
  std::int64_t text_line = -1;  // its line among those that were looked at, from 0
};

void look_at_value(JsonCursor& cursor, Look& look, std::int64_t line) {
  switch (cursor.peek()) {
    case '"': {
      const std::string_view text = cursor.string();
      if (look.texts++ > 0) return;
      look.text = text;
      look.text_line = line;
      return;
    }
    case 't':
    case 'f':
      cursor.boolean();
      ++look.booleans;
      return;
    case 'n': cursor.skip(); return;
    case '{':
      cursor.skip();
      look.nested = true;
      return;
    case '[': {
      const auto shape = pass_array(cursor);
      if (look.arrays++ == 0) look.shape = shape;
      look.nested = look.nested || !shape || shape != look.shape;
      return;
    }
    default: cursor.number(); ++look.numbers;
  }
}

class Looks {
 public:
  void look_at(std::string_view line) {
    if (is_as_before(line)) {
      for (std::size_t i = 0; i < order_.size(); ++i) count(looks_[order_[i]], firsts_[i]);
      ++rows;
      return;
    }
    unescaped_.clear();
    JsonCursor cursor(line, unescaped_, deepest_json);
    do {
      order_.clear();
      cursor.object([&](std::string_view key) {
        if (!cursor.ok()) return;
        order_.push_back(position(key));
        look_at_value(cursor, looks_[order_.back()], lines);
      });
      ++rows;
    } while (cursor.ok() && cursor.peek() == '{');
    if (fault == nullptr) fault = cursor.fault();
  }
  std::vector<Look>& all() { return looks_; }
  std::int64_t rows = 0, lines = 0;
  const char* fault = nullptr;  // the first one

 private:
  // Whether a row has the keys of the one before, and only kinds of values that were seen of them. Most rows
  // do, and need no closer look. `firsts_` is what their values begin with.
  bool is_as_before(std::string_view line) {
    const char* p = line.data();
    const char* const end = p + line.size();
    if (order_.empty() || p == end || *p != '{') return false;
    firsts_.clear();
    for (const std::size_t i : order_) {
      const std::string& key = keys_[i];
      p = behind_space(p + 1, end);
      if (key.empty() || !std::string_view(p, end).starts_with(key)) return false;
      p = behind_space(p + key.size(), end);
      if (p == end || (p = behind_value(p, end, looks_[i])) == nullptr) return false;
      p = behind_space(p, end);
      if (p == end || *p != (firsts_.size() == order_.size() ? '}' : ',')) return false;
    }
    return trim(std::string_view(p + 1, end)).empty();
  }

  static const char* behind_space(const char* p, const char* end) {
    return p != end && *p == ' ' ? p + 1 : p;
  }

  // Null where the value is of a kind that wasn't seen yet, or has to be looked at.
  const char* behind_value(const char* p, const char* end, const Look& look) {
    const std::string_view rest(p, end);
    firsts_.push_back(*p);
    if (*p == '"') {
      const auto quote = rest.find('"', 1);
      return look.texts == 0 || quote == rest.npos || rest[quote - 1] == '\\' ? nullptr : p + quote + 1;
    }
    for (const std::string_view word : {"null", "true", "false"}) {
      if (*p != word[0]) continue;
      return (*p == 'n' || look.booleans > 0) && rest.starts_with(word) ? p + word.size() : nullptr;
    }
    if (*p == '[') {
      const auto bracket = rest.find_first_of("]\"{tf[", 1);
      const bool alike = look.shape && look.shape->size() == 1 && bracket != rest.npos &&
                         rest[bracket] == ']' && std::count(p, p + bracket, ',') + 1 == look.shape->front();
      return alike ? p + bracket + 1 : nullptr;
    }
    if (look.numbers == 0 || (*p != '-' && (*p < '0' || *p > '9'))) return nullptr;
    constexpr std::size_t longest = 32;
    const bool last = firsts_.size() == order_.size();
    const std::string_view number = rest.substr(0, rest.find(last ? '}' : ','));
    return number.size() > longest || number.find(last ? ',' : '}') != number.npos ? nullptr
                                                                                   : p + number.size();
  }

  static void count(Look& look, char first) {
    switch (first) {
      case '"': ++look.texts; return;
      case '[': ++look.arrays; return;
      case 't':
      case 'f': ++look.booleans; return;
      case 'n': return;
      default: ++look.numbers;
    }
  }

  std::size_t position(std::string_view key) {
    const auto found = positions_.find(key);
    if (found != positions_.end()) return found->second;
    if (looks_.size() == most_columns) fail_data("more than {} columns", most_columns);
    looks_.emplace_back().name = key;
    const bool plain = std::none_of(key.begin(), key.end(), [](char c) {
      return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
    });
    keys_.push_back(plain ? fmt::format("\"{}\":", key) : "");
    return positions_.emplace(std::string(key), looks_.size() - 1).first->second;
  }
  std::vector<Look> looks_;
  std::vector<std::string> keys_;   // of looks_, as they usually stand in a text; empty: with escapes
  std::vector<std::size_t> order_;  // of looks_ in the row before
  std::vector<char> firsts_;
  std::map<std::string, std::size_t, std::less<>> positions_;
  std::deque<std::string> unescaped_;
};

Looks look_at_rows(LineReader& lines, std::size_t bytes) {
  Looks looks;
  for (std::size_t wanted = bytes;; wanted *= 2) {
    lines.load(wanted);
    const std::string_view ahead = lines.rest();
    const bool all = lines.complete() && ahead.size() <= wanted;
    std::string_view sample = ahead.substr(0, wanted);
    if (!all) sample = sample.substr(0, sample.rfind('\n') + 1);
    if (sample.empty() && !all && wanted <= lines.longest()) continue;
    while (!sample.empty()) {
      const auto end = sample.find('\n');
      const std::string_view line = sample.substr(0, end);
      if (!trim(line).empty()) looks.look_at(line);
      ++looks.lines;
      sample.remove_prefix(end == std::string_view::npos ? sample.size() : end + 1);
    }
    return looks;
  }
}

bool is_open(const Look& look) {
  return look.numbers + look.booleans + look.texts + look.arrays == 0 && !look.nested;
}

JsonKind kind_of(const Look& look) {
  const int kinds = (look.numbers > 0) + (look.booleans > 0) + (look.texts > 0) + (look.arrays > 0);
  if (look.nested || (look.arrays > 0 && kinds > 1)) return JsonKind::nested;
  if (look.arrays > 0) return JsonKind::tensor;
  if (look.texts > 0 || (look.booleans > 0 && look.numbers > 0)) return JsonKind::category;
  return look.booleans > 0 ? JsonKind::boolean : JsonKind::number;
}

void warn_of_mixtures(const std::vector<Look>& looks, const JsonLayout& layout, const std::string& name) {
  for (std::size_t i = 0; i < looks.size(); ++i) {
    const Look& look = looks[i];
    if (layout.columns[i].kind != JsonKind::category || look.numbers + look.booleans == 0) continue;
    if (look.texts == 0 && (look.numbers == 0 || look.booleans == 0)) continue;
    if (look.texts == 0) {
      return warn(
          "{}: column '{}' has booleans and numbers among its first {} values: all are taken for texts, as "
          "they are written",
          name, printable(look.name), look.booleans + look.numbers);
    }
    return warn(
        "{}: column '{}' has texts and {} that are none among its first {} values: all are taken for "
        "texts, as they are written",
        name, printable(look.name), look.numbers + look.booleans, look.texts + look.numbers + look.booleans);
  }
}

std::optional<JsonKind> kind_of(const Field& field) {
  switch (field.type) {
    case DType::f64: return field.shape.empty() ? JsonKind::number : JsonKind::tensor;
    case DType::boolean: return JsonKind::boolean;
    case DType::category: return JsonKind::category;
    case DType::utf8: return JsonKind::text;
    case DType::opaque: return field.foreign_type.empty() ? JsonKind::left_out : JsonKind::nested;
    default: return std::nullopt;
  }
}

bool take_like(JsonLayout& layout, const Schema& like) {
  for (const Field& field : like.fields) {
    const auto kind = kind_of(field);
    if (!kind) return false;
    layout.columns.push_back({field.name, *kind, field.shape});
  }
  return true;
}

DType type_of(JsonKind kind) {
  switch (kind) {
    case JsonKind::number:
    case JsonKind::tensor: return DType::f64;
    case JsonKind::boolean: return DType::boolean;
    case JsonKind::category: return DType::category;
    case JsonKind::text: return DType::utf8;
    default: return DType::opaque;
  }
}

void take_options(JsonLayout& layout, const SourceOptions& options) {
  using Kind = ColumnWish::Kind;
  const Schema& schema = *layout.schema;
  const auto is_scalar = [](JsonKind kind) { return kind != JsonKind::tensor && kind != JsonKind::nested; };
  for (const TableForm::Column& known : options.form.columns) {
    const auto at = schema.find(known.name);
    if (!at) continue;
    JsonColumn& column = layout.columns[*at];
    if (!is_scalar(column.kind) || column.kind == JsonKind::boolean) continue;
    if (known.text || column.kind == JsonKind::category)
      column.kind = known.text ? JsonKind::category : JsonKind::number;
  }
  const std::vector<ColumnWish> wishes = column_wishes(schema, options);
  for (std::size_t i = 0; i < wishes.size(); ++i) {
    JsonColumn& column = layout.columns[i];
    column.is_y = wishes[i].y && options.y_is_needed;
    column.exact = wishes[i].label;
    if (wishes[i].kind == Kind::left_out) column.kind = JsonKind::left_out;
    if (!is_scalar(column.kind)) continue;
    if (wishes[i].kind == Kind::number) column.kind = JsonKind::number;
    if (wishes[i].kind == Kind::category) column.kind = JsonKind::category;
    if (wishes[i].kind == Kind::text) column.kind = JsonKind::text;
  }
}

}  // namespace

std::optional<Shape> pass_array(JsonCursor& cursor) {
  std::optional<Shape> inner;
  std::int64_t count = 0;
  bool right = true;
  cursor.array([&] {
    std::optional<Shape> shape;
    const char first = cursor.peek();
    if (first == '[') {
      shape = pass_array(cursor);
    } else if (first == '"' || first == '{' || first == 't' || first == 'f') {
      cursor.skip();
    } else {
      if (first == 'n' ? cursor.take_null() : (cursor.number(), cursor.ok())) shape = Shape{};
    }
    right = right && shape && (count == 0 || shape == inner);
    if (count++ == 0) inner = std::move(shape);
  });
  if (!right || !cursor.ok() || count == 0) return std::nullopt;
  Shape shape{count};
  shape.insert(shape.end(), inner->begin(), inner->end());
  return shape;
}

std::vector<ColumnSeen> columns_of_json(LineReader& lines, std::size_t bytes) {
  std::vector<ColumnSeen> seen;
  Looks looks = look_at_rows(lines, bytes);
  for (Look& look : looks.all()) {
    ColumnSeen column{look.name, look.numbers + look.booleans > 0, std::move(look.text),
                      look.texts > 0 ? look.text_line + 1 : 0};
    const JsonKind kind = kind_of(look);
    if (kind == JsonKind::boolean || kind == JsonKind::tensor) {
      column.other.emplace().name = look.name;
      column.other->type = type_of(kind);
      column.other->shape = look.shape.value_or(Shape{});
    }
    seen.push_back(std::move(column));
  }
  return seen;
}

namespace {

// A single object of columns is what some write by default.
void check_rows(const JsonLayout& layout) {
  constexpr std::string_view remedy = "pandas writes a row an object with orient=\"records\", lines=True";
  if (layout.rows != 1) return;
  const auto all = [&](auto&& is) { return std::all_of(layout.columns.begin(), layout.columns.end(), is); };
  if (all([](const JsonColumn& column) { return column.kind == JsonKind::nested; })) {
    throw data_error("its only object holds nothing but objects: columns, where a row is expected")
        .advise("; {}", remedy);
  }
  const Shape& shape = layout.columns[0].shape;
  const bool long_enough = layout.columns.size() > 1 && shape.size() == 1 && shape[0] > 1;
  if (long_enough && all([&](const JsonColumn& column) { return column.shape == shape; })) {
    warn("its only object is taken for one row of arrays of {} numbers; if they are columns, {}", shape[0],
         remedy);
  }
}

}  // namespace

JsonLayout read_json_layout(LineReader& lines, const SourceOptions& options, const Schema* like) {
  JsonLayout layout;
  std::vector<Look> looks;
  if (like == nullptr || !take_like(layout, *like)) {
    layout.columns.clear();
    Looks seen = look_at_rows(lines, looked_at_json);
    layout.rows = seen.rows;
    looks = std::move(seen.all());
    for (const Look& look : looks) {
      layout.columns.push_back({look.name, kind_of(look), look.shape.value_or(Shape{})});
      if (layout.columns.back().kind != JsonKind::tensor) layout.columns.back().shape.clear();
      const auto decided =
          is_open(look) && options.findings ? options.findings->decided(look.name) : std::nullopt;
      if (decided) layout.columns.back() = {look.name, *kind_of(*decided), decided->shape};
    }
    // A column that people speak of may come later.
    for (const auto* names : {&options.csv.text, &options.csv.number}) {
      for (const std::string& name : *names) {
        const auto same = [&](const JsonColumn& column) { return column.name == name; };
        if (std::none_of(layout.columns.begin(), layout.columns.end(), same) &&
            name.find_first_not_of("0123456789") != std::string::npos && name != "last")
          layout.columns.emplace_back().name = name;
      }
    }
    if (layout.rows == 0) {
      std::string_view line;
      while (lines.next(line) && trim(line).empty()) {
      }  // one that is too long says so
      fail_data("there are no rows");
    }
    if (layout.columns.empty() && seen.fault != nullptr) fail_data("this is not JSON: {}", seen.fault);
    if (layout.columns.empty()) fail_data("its rows have no columns");
    check_rows(layout);
  }
  const auto schema = std::make_shared<Schema>();
  for (std::size_t i = 0; i < layout.columns.size(); ++i) {
    Field field;
    field.name = layout.columns[i].name;
    field.nullable = true;
    schema->fields.push_back(std::move(field));
    layout.positions.emplace(layout.columns[i].name, i);
  }
  layout.schema = schema;
  take_options(layout, options);
  const bool said =
      options.read_before || (options.findings && like == nullptr && options.findings->began_again());
  if (!said) warn_of_mixtures(looks, layout, lines.name());
  for (const Look& look : looks) {
    if (is_open(look) && options.findings) options.findings->add_open(look.name);
  }
  for (std::size_t i = 0; i < layout.columns.size(); ++i) {
    const JsonColumn& column = layout.columns[i];
    Field& field = schema->fields[i];
    field.type = type_of(column.kind);
    if (column.kind == JsonKind::tensor) field.shape = column.shape;
    if (column.kind == JsonKind::nested)
      field.foreign_type = i < looks.size() && looks[i].arrays > 0 ? "array" : "object";
  }
  return layout;
}

}  // namespace nn::format
