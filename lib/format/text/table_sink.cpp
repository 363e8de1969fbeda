#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "base/terminal.hpp"
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

// Columns of the terminal that `fd` is; nothing where it is none.
std::optional<std::size_t> width_of_terminal(int fd) {
  constexpr std::size_t least = 20;
  winsize size{};
  if (::isatty(fd) == 0 || ::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return std::nullopt;
  return std::max<std::size_t>(size.ws_col, least);
}

// Widths may grow from batch to batch, but never shrink: rows keep in line where they can.
class TableSink : public TextSink {
 public:
  TableSink(OutputFile& file, const Schema& schema) : TextSink(file), width_(width_of_terminal(file.fd())) {
    for (TextColumn& written : text_columns(schema, short_number_writer, shown_whole)) {
      std::string title = printable(written.field.name, longest_text);
      const std::size_t width = display_columns(title);
      columns_.push_back({std::move(written), std::move(title), width, {}});
    }
  }

  void write(const Batch& batch) override {
    for (OutputColumn& column : columns_) {
      column.cells.clear();
      const Column& values = batch.columns[column.position];
      for (std::int64_t row = 0; row < batch.rows; ++row) {
        column.cells.push_back(cell(column, values, row));
        column.width = std::max(column.width, display_columns(column.cells.back()));
      }
    }
    elide();
    add_title();
    for (std::int64_t row = 0; row < batch.rows; ++row) {
      add_line([row](const OutputColumn& column) { return column.cells[static_cast<std::size_t>(row)]; });
      flush_when_full();
    }
    flush();
  }

  void finish() override {
    elide();
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
      column.write_number(out, values.data, column.index_of(row));
      return std::string(out.view());
    }
    const bool whole = column.elements <= shown_whole;
    out.add('[');
    for (std::int64_t e = 0; e < (whole ? column.elements : shown_first); ++e) {
      if (e > 0) out.add(' ');
      column.write_number(out, values.data, column.index_of(row, e));
    }
    if (!whole) out.add(fmt::format(" … {} values", column.elements));
    out.add(']');
    return std::string(out.view());
  }

  // Of a table that is wider than the terminal the first columns are shown and the last one, which often is
  // y. What is shown is decided before the first line.
  void elide() {
    if (titled_ || !width_ || columns_.size() < 3) return;
    std::size_t total = 0;
    for (const OutputColumn& column : columns_) total += column.width + gap.size();
    if (total <= *width_ + gap.size()) return;
    const std::size_t note = display_columns(note_of_hidden(columns_.size()));
    std::size_t used = note + gap.size() + columns_.back().width;
    std::size_t shown = 0;
    while (shown + 2 < columns_.size() && used + gap.size() + columns_[shown].width <= *width_) {
      used += gap.size() + columns_[shown++].width;
    }
    hidden_first_ = std::max<std::size_t>(shown, 1);
    hidden_last_ = columns_.size() - 1;
  }

  static std::string note_of_hidden(std::size_t count) { return fmt::format("… {} more columns", count); }

  void add_title() {
    if (titled_ || columns_.empty()) return;
    titled_ = true;
    add_line([](const OutputColumn& column) { return column.title; }, true);
  }

  void add_note(bool title) {
    const std::string text = note_of_hidden(hidden_last_ - hidden_first_);
    out_.add(gap);
    out_.add(title ? std::string_view(text) : std::string_view("…"));
    if (!title) out_.add(std::string(display_columns(text) - 1, ' '));
  }

  template <typename CellOf>
  void add_line(CellOf&& cell_of, bool title = false) {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (i >= hidden_first_ && i < hidden_last_) {
        if (i == hidden_first_) add_note(title);
        continue;
      }
      const OutputColumn& column = columns_[i];
      const std::string text = cell_of(column);
      const std::size_t padding = column.width - std::min(column.width, display_columns(text));
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
  std::optional<std::size_t> width_;                // of the terminal
  std::size_t hidden_first_ = 0, hidden_last_ = 0;  // columns that aren't shown
  bool titled_ = false;
};

}  // namespace

std::unique_ptr<BatchSink> make_table_sink(OutputFile& file, const Schema& schema) {
  return std::make_unique<TableSink>(file, schema);
}

}  // namespace nn::format
