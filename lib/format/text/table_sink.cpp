#include <algorithm>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "format/sink_formats.hpp"
#include "format/text/output.hpp"

namespace nn::format {
namespace {

constexpr std::int64_t shown_whole = 16;  // elements of a tensor; of a larger one …
constexpr std::int64_t shown_first = 8;   // … so many are shown
constexpr std::size_t longest_text = 40;
constexpr std::string_view missing = "-";
constexpr std::string_view gap = "  ";

// Places on a terminal, as far as counting code points tells.
std::size_t display_width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// Widths may grow from batch to batch, but never shrink: rows keep in line where they can.
class TableSink : public TextSink {
 public:
  TableSink(OutputFile& file, const Schema& schema) : TextSink(file) {
    for (TextColumn& written : text_columns(schema, short_number_writer)) {
      std::string title = printable(written.field.name, longest_text);
      const std::size_t width = display_width(title);
      columns_.push_back({std::move(written), std::move(title), width, {}});
    }
  }

  void write(const Batch& batch) override {
    for (OutputColumn& column : columns_) {
      column.cells.clear();
      const Column& values = batch.columns[column.position];
      for (std::int64_t row = 0; row < batch.rows; ++row) {
        column.cells.push_back(cell(column, values, row));
        column.width = std::max(column.width, display_width(column.cells.back()));
      }
    }
    add_title();
    for (std::int64_t row = 0; row < batch.rows; ++row) {
      add_line([row](const OutputColumn& column) { return column.cells[static_cast<std::size_t>(row)]; });
      flush_when_full();
    }
    flush();
  }

  void finish() override {
    add_title();
    flush();
  }

 private:
  struct OutputColumn : TextColumn {
    std::string title;
    std::size_t width;
    std::vector<std::string> cells;  // of the batch
  };

  static std::string cell(const OutputColumn& column, const Column& values, std::int64_t row) {
    if (!values.valid(row)) return std::string(missing);
    if (column.write_number == nullptr) return printable(text_at(column.field, values, row), longest_text);
    TextBuffer out;
    if (column.field.shape.empty()) {
      column.write_number(out, values.data, row);
      return std::string(out.view());
    }
    const bool whole = column.elements <= shown_whole;
    out.add('[');
    for (std::int64_t e = 0; e < (whole ? column.elements : shown_first); ++e) {
      if (e > 0) out.add(' ');
      column.write_number(out, values.data, row * column.elements + e);
    }
    if (!whole) out.add(fmt::format(" … {} values", column.elements));
    out.add(']');
    return std::string(out.view());
  }

  void add_title() {
    if (titled_ || columns_.empty()) return;
    titled_ = true;
    add_line([](const OutputColumn& column) { return column.title; });
  }

  template <typename CellOf>
  void add_line(CellOf&& cell_of) {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const OutputColumn& column = columns_[i];
      const std::string text = cell_of(column);
      const std::size_t padding = column.width - std::min(column.width, display_width(text));
      const bool right = column.write_number != nullptr && column.field.shape.empty();
      if (i > 0) out_.add(gap);
      if (right) out_.add(std::string(padding, ' '));
      out_.add(text);
      // No blanks at the end of a line.
      if (!right && i + 1 < columns_.size()) out_.add(std::string(padding, ' '));
    }
    out_.add('\n');
  }

  std::vector<OutputColumn> columns_;
  bool titled_ = false;
};

}  // namespace

std::unique_ptr<BatchSink> make_table_sink(OutputFile& file, const Schema& schema) {
  return std::make_unique<TableSink>(file, schema);
}

}  // namespace nn::format
