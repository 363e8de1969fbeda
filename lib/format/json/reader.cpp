#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/signals.hpp"
#include "base/text.hpp"
#include "format/csv/number.hpp"
#include "format/csv/styled_number.hpp"
#include "format/findings.hpp"
#include "format/json/columns.hpp"
#include "format/json/objects.hpp"
#include "format/readers.hpp"
#include "table/text_index.hpp"

namespace nn::format {
namespace {

constexpr std::int64_t batch_bytes = 16 << 20;
constexpr std::size_t most_texts = 1'000'000;
constexpr double not_there = std::numeric_limits<double>::quiet_NaN();

// The rows of a batch, column by column.
struct ColumnRows {
  Buffer values;                       // numbers, booleans, indices
  std::vector<std::int32_t> offsets;   // texts
  std::vector<char> bytes;             // texts
  std::vector<std::uint8_t> validity;  // empty: all present
  std::int64_t elements = 1;           // of a row
  std::int64_t filled = 0;             // rows

  void begin(std::int64_t rows, std::size_t element_bytes) {
    values = Buffer(static_cast<std::size_t>(rows * elements) * element_bytes);
    offsets.assign(1, 0);
    bytes.clear();
    validity.clear();
    filled = 0;
  }
  void missing(std::int64_t rows) {
    if (validity.empty()) validity.assign(static_cast<std::size_t>(rows + 7) / 8, 0xFF);
    auto& byte = validity[static_cast<std::size_t>(filled >> 3)];
    byte = static_cast<std::uint8_t>(byte & ~(1u << (filled & 7)));
  }
};

class JsonReader : public BatchSource {
 public:
  JsonReader(JsonLines input, const SourceOptions& options, const Schema* like)
      : lines_(std::move(input.input), options.limits.max_frame),
        counts_objects_(!input.as_they_are),
        limits_(options.limits),
        findings_(options.findings),
        quiet_(options.read_before),
        missing_(options.csv.missing) {
    try {
      layout_ = read_json_layout(lines_, options, like);
    } catch (const Error& error) {
      const bool named = std::string_view(error.what()).starts_with(lines_.name());
      throw named ? error : error.within_file(lines_.name());
    }
    std::int64_t row_bytes = 1;
    for (const JsonColumn& column : layout_.columns) {
      keys_.push_back(quoted_key(column.name));
      columns_.emplace_back().elements = element_count(column.shape);
      row_bytes += columns_.back().elements * static_cast<std::int64_t>(sizeof(double));
    }
    texts_.resize(columns_.size());
    seen_in_.resize(columns_.size(), -1);
    batch_rows_ = std::clamp<std::int64_t>(batch_bytes / row_bytes, 1, usual_batch_rows);
    for (std::size_t i = 0; i < keys_.size(); ++i) order_.push_back(i);
  }

  const std::shared_ptr<const Schema>& schema() const override { return layout_.schema; }

  std::optional<Batch> next() override {
    throw_if_stopped();
    for (std::size_t i = 0; i < columns_.size(); ++i)
      columns_[i].begin(batch_rows_, std::max<std::size_t>(size_of(layout_.schema->fields[i].type), 1));
    rows_ = 0;
    std::size_t text_bytes = 0;
    while (rows_ < batch_rows_ && text_bytes < batch_bytes && (!left_.empty() || lines_.next(left_))) {
      const std::string_view line = std::exchange(left_, {});
      if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
      unescaped_.clear();
      row(line);
      ++rows_;
      text_bytes += line.size() - left_.size();
    }
    if (rows_ == 0) return std::nullopt;
    return batch();
  }

 private:
  // A key as it usually stands in a text; empty where it is written with escapes.
  static std::string quoted_key(const std::string& name) {
    for (const char c : name) {
      if (static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\') return {};
    }
    return '"' + name + '"';
  }

  // Keys mostly come in the order of the row before.
  void row(std::string_view line) {
    const char* p = line.data();
    const char* const end = p + line.size();
    std::size_t at = 0;
    if (p != end && *p == '{') {
      ++p;
      while (at < order_.size()) {
        const char* const value = behind_key(p, end, keys_[order_[at]]);
        if (value == nullptr) break;
        const std::size_t column = order_[at];
        const char* const behind = quick_value(value, end, column);
        if (behind == nullptr) break;
        mark(column);
        ++at;
        p = behind;
        if (p != end && *p == ',') {
          ++p;
          if (p != end && *p == ' ') ++p;
          continue;
        }
        if (p != end && *p == '}' && take_left({p + 1, end})) return finish_row(at);
        return fail("what stands behind a value is neither a comma nor the end of the object");
      }
    }
    slow_row(line, static_cast<std::size_t>(p - line.data()), at);
  }

  // What stands behind an object in its line: nothing, or the next one.
  bool take_left(std::string_view behind) {
    const auto next = behind.find_first_not_of(" \t\r");
    if (next == std::string_view::npos) return true;
    left_ = behind.substr(next);
    return left_[0] == '{';
  }

  static const char* behind_key(const char* p, const char* end, const std::string& key) {
    if (key.empty() || static_cast<std::size_t>(end - p) < key.size() + 2 ||
        std::memcmp(p, key.data(), key.size()) != 0)
      return nullptr;
    p += key.size();
    if (*p != ':') return nullptr;
    ++p;
    return *p == ' ' ? p + 1 : p;
  }

  // Reads a value that is written as most are; null for others, and nothing has happened then.
  const char* quick_value(const char* p, const char* end, std::size_t i) {
    ColumnRows& rows = columns_[i];
    switch (layout_.columns[i].kind) {
      case JsonKind::number: {
        const char* const readable = lines_.rest().data() + lines_.rest().size();
        double value;
        if (readable - p < fast_number_reach) return nullptr;
        const char* const behind = fast_number(p, value);
        if (behind == nullptr || behind >= end || (*behind != ',' && *behind != '}') || behind[-1] == '.')
          return nullptr;
        rows.values.as<double>()[rows.filled++] = value;
        return behind;
      }
      case JsonKind::category: {
        if (p == end || *p != '"') return nullptr;
        const char* q = ++p;
        while (q != end && *q != '"' && *q != '\\' && static_cast<unsigned char>(*q) >= 0x20) ++q;
        if (q == end || *q != '"') return nullptr;
        add_category(i, {p, static_cast<std::size_t>(q - p)});
        return q + 1;
      }
      default: return nullptr;
    }
  }

  // What is left of the row from `at` on, behind `known` values of it.
  void slow_row(std::string_view line, std::size_t at, std::size_t known) {
    JsonCursor cursor(known == 0 ? line : line.substr(at), unescaped_, deepest_json);
    std::vector<std::size_t> order(order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(known));
    const auto member = [&](std::string_view key) {
      const auto found = layout_.positions.find(key);
      if (found == layout_.positions.end()) fail_key(key);
      const std::size_t i = found->second;
      if (seen_in_[i] == row_number_) fail(fmt::format("the key '{}' twice", printable(key)));
      mark(i);
      order.push_back(i);
      value(cursor, i);
    };
    if (known == 0) {
      cursor.object([&](std::string_view key) {
        if (cursor.ok()) member(key);
      });
    } else {
      // Within the object: keys and values up to its end.
      for (;;) {
        const std::string_view key = cursor.string();
        if (cursor.ok() && cursor.peek() != ':') cursor.fail("a key without a value");
        if (!cursor.ok()) break;
        cursor.advance(1);
        member(key);
        const char next = cursor.peek();
        if (!cursor.ok() || next != ',') {
          if (cursor.ok() && next != '}') cursor.fail("an object without an end");
          if (cursor.ok()) cursor.advance(1);
          break;
        }
        cursor.advance(1);
      }
    }
    if (!cursor.ok()) fail(fmt::format("this is not JSON: {}", cursor.fault()));
    if (!take_left(cursor.rest())) fail("something stands behind the object");
    if (order.size() > known) order_ = order;
    finish_row(columns_.size() + 1);
  }

  void mark(std::size_t i) { seen_in_[i] = row_number_; }

  // Columns that the row doesn't speak of are missing. `known`: so many of order_, where no key came twice.
  void finish_row(std::size_t known) {
    if (known != columns_.size()) {
      for (std::size_t i = 0; i < columns_.size(); ++i) {
        if (seen_in_[i] != row_number_) add_missing(i);
      }
    }
    ++row_number_;
  }

  void value(JsonCursor& cursor, std::size_t i) {
    const JsonColumn& column = layout_.columns[i];
    ColumnRows& rows = columns_[i];
    const char first = cursor.peek();
    if (column.kind == JsonKind::left_out || column.kind == JsonKind::nested) {
      cursor.skip();
      ++rows.filled;
      return;
    }
    if (first == 'n') {
      cursor.skip();
      return add_missing(i);
    }
    if (first == '{') fail_kind(i, "an object");
    if (column.kind == JsonKind::tensor) {
      if (first != '[') fail_kind(i, "no array");
      double* out = rows.values.as<double>() + rows.filled++ * rows.elements;
      return tensor(cursor, i, column.shape, 0, out);
    }
    if (first == '[') fail_kind(i, "an array");
    if (first == '"') {
      const std::string_view text = cursor.string();
      if (!cursor.ok()) return;
      if (std::find(missing_.begin(), missing_.end(), text) != missing_.end()) return add_missing(i);
      if (column.kind == JsonKind::category) return add_category(i, text);
      if (column.kind == JsonKind::text) return add_text(i, text);
      fail_kind(i, fmt::format("the text '{}'", printable(text)));
    }
    const char* const token = cursor.rest().data();
    if (first == 't' || first == 'f') {
      const bool is_true = cursor.boolean();
      if (!cursor.ok()) return;
      if (column.kind == JsonKind::boolean) {
        rows.values.as<std::uint8_t>()[rows.filled++] = is_true;
        return;
      }
      if (column.kind == JsonKind::number) fail_kind(i, is_true ? "true" : "false");
    } else {
      const double number = cursor.number();
      if (!cursor.ok()) return;
      const std::string_view digits(token, static_cast<std::size_t>(cursor.rest().data() - token));
      if (column.kind == JsonKind::number) return add_number(i, number, digits);
      if (column.kind == JsonKind::boolean) fail_kind(i, fmt::format("the number {}", printable(digits)));
    }
    const std::string_view text(token, static_cast<std::size_t>(cursor.rest().data() - token));
    column.kind == JsonKind::text ? add_text(i, text) : add_category(i, text);
  }

  void tensor(JsonCursor& cursor, std::size_t i, const Shape& shape, std::size_t axis, double*& out) {
    std::int64_t count = 0;
    cursor.array([&] {
      if (!cursor.ok()) return;
      if (count++ == shape[axis]) fail_kind(i, fmt::format("more than {} elements", shape[axis]));
      const char first = cursor.peek();
      if (axis + 1 < shape.size()) {
        if (first != '[') fail_kind(i, "a value where an array is expected");
        return tensor(cursor, i, shape, axis + 1, out);
      }
      if (first == '[' || first == '{' || first == '"' || first == 't' || first == 'f')
        fail_kind(i, "an element that is no number");
      *out++ = first == 'n' && cursor.take_null() ? not_there : cursor.number();
    });
    if (cursor.ok() && count != shape[axis])
      fail_kind(i, fmt::format("{} elements where {} are expected", count, shape[axis]));
  }

  void add_number(std::size_t i, double value, std::string_view digits) {
    ColumnRows& rows = columns_[i];
    if (std::isnan(value)) return add_missing(i);
    rows.values.as<double>()[rows.filled++] = value;
    if (std::fabs(value) < 0x1p53 || !is_rounded(digits, value)) return;
    const std::string name = printable(layout_.columns[i].name);
    if (layout_.columns[i].exact) {
      throw error_here("key '{}': the label {} would become {:.0f}", name, printable(digits), value)
          .advise("; --text {} keeps labels as they are written", name);
    }
    if (rounded_.insert(i).second && !quiet_) {
      warn("{}: key '{}': {} is rounded, as whole numbers over 2^53 are; --id or --text keeps its digits",
           where(), name, printable(digits));
    }
  }

  void add_category(std::size_t i, std::string_view text) {
    if (!missing_.empty() && std::find(missing_.begin(), missing_.end(), text) != missing_.end())
      return add_missing(i);
    table::GrowingDictionary& texts = texts_[i];
    const std::size_t known = texts.texts().size();
    const std::int32_t index = texts.index_of(text);
    if (texts.texts().size() > known) check_text(i, text);
    columns_[i].values.as<std::int32_t>()[columns_[i].filled++] = index;
  }

  void add_text(std::size_t i, std::string_view text) {
    check_text(i, text);
    ColumnRows& rows = columns_[i];
    rows.bytes.insert(rows.bytes.end(), text.begin(), text.end());
    rows.offsets.push_back(static_cast<std::int32_t>(rows.bytes.size()));
    ++rows.filled;
  }

  void check_text(std::size_t i, std::string_view text) const {
    const std::string name = printable(layout_.columns[i].name);
    if (!is_utf8(text)) throw error_here("key '{}': '{}' is not UTF-8", name, printable(text));
    const table::TextIndex& texts = texts_[i].texts();
    if (texts.size() <= most_texts && texts.bytes() <= limits_.max_frame / 2) return;
    throw error_here("key '{}' has more different texts than a category may have ({} so far)", name,
                     texts.size())
        .advise("; leave it out with --drop {}, or pass it on with --id {}", name, name);
  }

  void add_missing(std::size_t i) {
    ColumnRows& rows = columns_[i];
    const DType type = layout_.schema->fields[i].type;
    rows.missing(batch_rows_);
    if (layout_.columns[i].is_y && findings_)
      findings_->add_unlabelled(lines_.name(), first_row_ + rows.filled, where());
    if (type == DType::utf8) {
      rows.offsets.push_back(static_cast<std::int32_t>(rows.bytes.size()));
    } else if (type == DType::f64) {
      std::fill_n(rows.values.as<double>() + rows.filled * rows.elements, rows.elements, not_there);
    } else if (type != DType::opaque) {
      const std::size_t size = size_of(type);
      std::memset(rows.values.data() + static_cast<std::size_t>(rows.filled) * size, 0, size);
    }
    ++rows.filled;
  }

  Batch batch() {
    struct Memory {
      Buffer values;
      std::vector<std::int32_t> offsets;
      std::vector<char> bytes;
      std::vector<std::uint8_t> validity;
    };
    Batch out{layout_.schema, first_row_, rows_, {}};
    first_row_ += rows_;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      ColumnRows& rows = columns_[i];
      const DType type = layout_.schema->fields[i].type;
      auto memory = std::make_shared<Memory>(Memory{std::move(rows.values), std::move(rows.offsets),
                                                    std::move(rows.bytes), std::move(rows.validity)});
      Column column;
      if (type == DType::utf8) {
        column.offsets = memory->offsets.data();
        column.data = reinterpret_cast<const std::byte*>(memory->bytes.data());
      } else if (type != DType::opaque) {
        column.data = memory->values.data();
      }
      if (type == DType::category) column.dictionary = texts_[i].dictionary();
      if (!memory->validity.empty()) column.validity = memory->validity.data();
      column.owner = std::move(memory);
      out.columns.push_back(std::move(column));
    }
    return out;
  }

  std::string where() const {
    return counts_objects_ ? fmt::format("{}: object {}", lines_.name(), lines_.line_number())
                           : fmt::format("{}:{}", lines_.name(), lines_.line_number());
  }
  template <typename... Args>
  Error error_here(fmt::format_string<Args...> format, Args&&... args) const {
    return Error(ErrorKind::data, fmt::format(format, std::forward<Args>(args)...)).within_file(where());
  }
  [[noreturn]] void fail(const std::string& what) const { throw error_here("{}", what); }

  [[noreturn]] void fail_key(std::string_view key) const {
    const std::string name = printable(key);
    throw error_here(
        "the key '{}' is in none of the rows of the first {} MiB, which say what columns there are", name,
        looked_at_json >> 20)
        .advise("; --text {} or --number {} makes it a column", name, name);
  }

  [[noreturn]] void fail_kind(std::size_t i, std::string_view got) const {
    static constexpr const char* expected[] = {
        "a number", "true or false", "a text", "a text", "an array", "", ""};
    const JsonColumn& column = layout_.columns[i];
    const std::string name = printable(column.name);
    const Error error = column.kind == JsonKind::tensor
                            ? error_here("key '{}': {}; the first rows have arrays of shape {}", name, got,
                                         to_string(column.shape))
                            : error_here("key '{}': {} where {} is expected, as in the first rows", name, got,
                                         expected[static_cast<std::size_t>(column.kind)]);
    const bool may_be_text = got != "an array" && got != "an object";
    throw may_be_text && (column.kind == JsonKind::number || column.kind == JsonKind::boolean)
        ? error.advise("; --text {} reads it as text, --drop {} leaves it out", name, name)
        : error.advise("; --drop {} leaves it out", name);
  }

  LineReader lines_;
  std::string_view left_;  // of the line
  bool counts_objects_;
  StreamLimits limits_;
  std::shared_ptr<Findings> findings_;
  bool quiet_;
  std::vector<std::string> missing_;
  JsonLayout layout_;
  std::vector<std::string> keys_;                // of columns, in quotes
  std::vector<std::size_t> order_;               // of columns in the row before
  std::vector<std::int64_t> seen_in_;            // number of the last row that has the column
  std::vector<table::GrowingDictionary> texts_;  // of category columns
  std::deque<std::string> unescaped_;
  std::set<std::size_t> rounded_;
  std::vector<ColumnRows> columns_;
  std::int64_t batch_rows_ = 0, rows_ = 0, first_row_ = 0, row_number_ = 0;
};

}  // namespace

std::unique_ptr<BatchSource> read_json(std::unique_ptr<ByteInput> input, const SourceOptions& options,
                                       const Schema* like) {
  return std::make_unique<JsonReader>(as_json_lines(std::move(input), options.limits.max_frame), options,
                                      like);
}

std::vector<ColumnSeen> columns_of_json(std::unique_ptr<ByteInput> input, const SourceOptions& options,
                                        std::size_t bytes) {
  LineReader lines(as_json_lines(std::move(input), options.limits.max_frame).input, options.limits.max_frame);
  return columns_of_json(lines, bytes);
}

}  // namespace nn::format
