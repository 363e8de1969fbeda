#include <vector>

#include "base/ascii.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "format/csv/kinds.hpp"
#include "format/sink_formats.hpp"
#include "format/text/output.hpp"
#include "tensor/column_roles.hpp"

namespace nn::format {
namespace {

void add_quoted(TextBuffer& out, std::string_view text) {
  out.add('"');
  for (const char c : text) {
    if (c == '"') out.add('"');
    out.add(c);
  }
  out.add('"');
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }

// What isn't quoted is read as a missing value where it is empty or says so, and without blanks around it;
// as a number where it may be one and does not tell rows apart.
// Returns whether it is written without quotes.
bool add_cell(TextBuffer& out, std::string_view text, char delimiter, bool is_identity) {
  const bool plain = !text.empty() && text.find_first_of("\"\r\n") == std::string_view::npos &&
                     text.find(delimiter) == std::string_view::npos && !is_blank(text.front()) &&
                     !is_blank(text.back()) && text != "NA" && !equal_ignoring_case(text, "nan") &&
                     (is_identity || !is_perhaps_number(text));
  if (plain) {
    out.add(text);
  } else {
    add_quoted(out, text);
  }
  return plain;
}

class CsvSink : public TextSink {
 public:
  CsvSink(OutputFile& file, const Schema& schema, char delimiter)
      : TextSink(file), delimiter_(delimiter), columns_(text_columns(schema, plain_number_writer)) {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (i > 0) out_.add(delimiter_);
      add_header(columns_[i]);
    }
    out_.add('\n');
    for (auto* flags : {&bare_, &quoted_, &others_}) flags->resize(columns_.size());
  }

  // By its quotes a text that looks like a number is told from numbers, where other columns have none.
  void finish() override {
    TextSink::finish();
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (bare_[i] && !quoted_[i]) return;
    }
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (!quoted_[i] || others_[i]) continue;
      const std::string name = printable(columns_[i].field.name);
      warn(
          "the texts of column '{}' look like numbers, and no other column tells by going without quotes "
          "that they "
          "are none: --text {} reads them as they are",
          name, name);
    }
  }

  void write(const Batch& batch) override {
    for (std::int64_t row = 0; row < batch.rows; ++row) {
      for (std::size_t i = 0; i < columns_.size(); ++i) {
        if (i > 0) out_.add(delimiter_);
        add_value(i, batch.columns[columns_[i].position], row);
      }
      out_.add('\n');
      flush_when_full();
    }
    flush();
  }

 private:
  // In tables of tabs no cell goes on in another line.
  bool add_text(std::string_view text, bool is_identity = false) {
    if (delimiter_ == '\t' && text.find_first_of("\r\n") != std::string_view::npos) {
      throw data_error("the text '{}' has a line end, which no cell of a table of tabs can have",
                       printable(text))
          .advise("; --to csv writes it");
    }
    return add_cell(out_, text, delimiter_, is_identity);
  }

  void add_header(const TextColumn& column) {
    if (column.field.shape.empty()) {
      add_text(column.field.name);
      return;
    }
    for (std::int64_t e = 0; e < column.elements; ++e) {
      if (e > 0) out_.add(delimiter_);
      add_text(fmt::format("{}_{}", column.field.name, e));
    }
  }

  void add_value(std::size_t i, const Column& values, std::int64_t row) {
    const TextColumn& column = columns_[i];
    if (!values.valid(row)) {
      for (std::int64_t e = 1; e < column.elements; ++e) out_.add(delimiter_);
      // An empty line would be no row at all, and quotes with nothing between are an empty text.
      if (columns_.size() == 1 && column.elements == 1) out_.add("NA");
      return;
    }
    if (column.write_number == nullptr) {
      const std::string_view text = text_at(column.field, values, row);
      const bool bare = add_text(text, column.field.name == id_column);
      if (bare) {
        bare_[i] = true;
      } else if (text.find(delimiter_) == std::string_view::npos) {
        quoted_[i] = true;
      }
      others_[i] = others_[i] || bare || !is_perhaps_number(text);
      return;
    }
    bare_[i] = true;
    for (std::int64_t e = 0; e < column.elements; ++e) {
      if (e > 0) out_.add(delimiter_);
      column.write_number(out_, values.data, column.index_of(row, e));
    }
  }

  char delimiter_;
  std::vector<TextColumn> columns_;
  // Columns that have cells without quotes and with, and texts that don't look like numbers.
  std::vector<bool> bare_, quoted_, others_;
};

}  // namespace

std::unique_ptr<BatchSink> make_csv_sink(OutputFile& file, const Schema& schema, char delimiter) {
  return std::make_unique<CsvSink>(file, schema, delimiter);
}

}  // namespace nn::format
