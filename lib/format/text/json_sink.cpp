#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/json_text.hpp"
#include "format/sink_formats.hpp"
#include "format/text/output.hpp"

namespace nn::format {
namespace {

void add_string(TextBuffer& out, std::string_view text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7F && c != '"' &&
           c != '\\';
  });
  if (plain) {
    out.add('"');
    out.add(text);
    out.add('"');
  } else {
    // Bytes that are not UTF-8 become U+FFFD: JSON has no others.
    out.add(json_dump(nlohmann::json(text)));
  }
}

class JsonSink : public TextSink {
 public:
  JsonSink(OutputFile& file, const Schema& schema) : TextSink(file) {
    for (TextColumn& written : text_columns(schema, json_number_writer, 0)) {
      OutputColumn column{std::move(written), {}, {}};
      const Field& field = column.field;
      TextBuffer key;
      key.add(columns_.empty() ? '{' : ',');
      add_string(key, field.name);
      key.add(':');
      column.key = std::string(key.view());
      std::int64_t inner = 1;
      for (std::size_t d = field.shape.size(); d-- > 0;) column.groups.push_back(inner *= field.shape[d]);
      columns_.push_back(std::move(column));
    }
  }

  void write(const Batch& batch) override {
    for (std::int64_t row = 0; row < batch.rows; ++row) {
      if (columns_.empty()) out_.add('{');
      for (const OutputColumn& column : columns_) {
        out_.add(column.key);
        add_value(column, batch.columns[column.position], row);
      }
      out_.add("}\n");
      flush_when_full();
    }
    flush();
  }

 private:
  struct OutputColumn : TextColumn {
    std::string key;                   // with what stands before and after it
    std::vector<std::int64_t> groups;  // elements within each pair of brackets, innermost first
  };

  void add_value(const OutputColumn& column, const Column& values, std::int64_t row) {
    if (!values.valid(row)) return out_.add("null");
    if (column.write_number == nullptr) return add_string(out_, text_at(column.field, values, row));
    if (column.groups.empty()) return column.write_number(out_, values.data, column.index_of(row));
    for (std::int64_t e = 0; e < column.elements; ++e) {
      if (e > 0) out_.add(',');
      for (const std::int64_t group : column.groups) {
        if (e % group != 0) break;
        out_.add('[');
      }
      column.write_number(out_, values.data, column.index_of(row, e));
      for (const std::int64_t group : column.groups) {
        if ((e + 1) % group != 0) break;
        out_.add(']');
      }
    }
    if (column.elements == 0) out_.add("[]");
  }

  std::vector<OutputColumn> columns_;
};

}  // namespace

std::unique_ptr<BatchSink> make_json_sink(OutputFile& file, const Schema& schema) {
  return std::make_unique<JsonSink>(file, schema);
}

}  // namespace nn::format
