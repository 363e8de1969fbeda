// A summary for people and for programs.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/json_lines.hpp"
#include "base/log.hpp"
#include "base/terminal.hpp"
#include "base/text.hpp"
#include "table/describe.hpp"

namespace nn::table {
namespace {

using Cells = std::vector<std::string>;

constexpr std::string_view gap = "  ";
constexpr std::size_t longest_name = 24;
constexpr std::int64_t few = 10;  // values that are shown of a column of numbers

std::string number_text(double value) {
  constexpr double large = 1e4, too_large = 1e9;
  const double size = std::fabs(value);
  if (size < too_large && (size >= large || std::trunc(value) == value)) return fmt::format("{:.0f}", value);
  return fmt::format("{:.4g}", value);
}

std::string count_text(std::int64_t count) { return format_count(static_cast<std::uint64_t>(count)); }

// "70 %", "0.3 %", "<0.1 %"
std::string share_text(std::int64_t count, std::int64_t total) {
  const double percent =
      100 * static_cast<double>(count) / static_cast<double>(std::max<std::int64_t>(total, 1));
  if (percent > 0 && percent < 0.1) return "<0.1 %";
  if (percent > 99.4 && percent < 100) return fmt::format("{:.1f} %", std::floor(percent * 10) / 10);
  return percent < 10 && percent != std::trunc(percent) ? fmt::format("{:.1f} %", percent)
                                                        : fmt::format("{:.0f} %", percent);
}

std::string name_text(const Field& field) {
  const std::string* source = field.metadata.find("nn.source_name");
  if (source == nullptr || (field.name != "y" && field.name != "id"))
    return printable(field.name, longest_name);
  return printable(fmt::format("{} ({})", field.name, *source), longest_name);
}

std::string missing_text(const ColumnSummary& column, std::int64_t rows) {
  if (column.missing == 0) return "0";
  return fmt::format("{} ({})", count_text(column.missing), share_text(column.missing, rows));
}

std::string distinct_text(const ColumnSummary& column) {
  return (column.distinct_exact ? "" : "~") + count_text(column.distinct.value_or(0));
}

// The values that fit into `width`.
std::string top_text(const ColumnSummary& column, std::int64_t rows, std::size_t width) {
  constexpr std::size_t longest_value = 30;
  const std::int64_t present = rows - column.missing;
  std::string out;
  for (const ColumnSummary::Top& top : column.top) {
    const std::string value = top.value.empty() ? "''" : printable(top.value, longest_value);
    const std::string next = fmt::format("{}{} {}{}", out.empty() ? "" : ", ", value,
                                         column.top_exact ? "" : "≥", share_text(top.count, present));
    if (!out.empty() && display_columns(out) + display_columns(next) + 3 > width) return out + ", …";
    out += next;
  }
  return static_cast<std::int64_t>(column.top.size()) < column.distinct.value_or(0) && !out.empty()
             ? out + ", …"
             : out;
}

// Names give way where lines would be longer than `width`.
void shorten_names(std::vector<Cells>& lines, std::size_t width) {
  constexpr std::size_t least = 8;
  std::vector<std::size_t> widths;
  for (const Cells& line : lines) {
    widths.resize(std::max(widths.size(), line.size()));
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], display_columns(line[i]));
  }
  std::size_t others = 0;
  for (std::size_t i = 1; i < widths.size(); ++i) others += gap.size() + widths[i];
  const std::size_t room = width > others ? std::max(least, width - others) : least;
  for (Cells& line : lines) {
    if (display_columns(line[0]) > room) line[0] = cut_to_columns(line[0], room);
  }
}

// Lines whose first cells are names, on the left, and the others, on the right, or on the left from `left`
// on.
std::string aligned(const std::vector<Cells>& lines, std::size_t left) {
  std::vector<std::size_t> widths;
  for (const Cells& line : lines) {
    widths.resize(std::max(widths.size(), line.size()));
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], display_columns(line[i]));
  }
  std::string out;
  for (const Cells& line : lines) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) {
      const std::string padding(widths[i] - display_columns(line[i]), ' ');
      const bool is_left = i == 0 || i >= left;
      text += i == 0 ? "" : gap;
      text += is_left ? line[i] + padding : padding + line[i];
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  }
  return out;
}

class Report {
 public:
  Report(const TableSummary& summary, std::size_t width) : summary_(summary), width_(width) {}

  std::string text() {
    out_ = fmt::format("{} {}, {} {}\n", count_text(summary_.rows), summary_.rows == 1 ? "row" : "rows",
                       count_text(static_cast<std::int64_t>(summary_.columns.size())),
                       summary_.columns.size() == 1 ? "column" : "columns");
    numbers();
    values("texts", [](const ColumnSummary& c) { return is_text(c.field.type); });
    values("booleans", [](const ColumnSummary& c) { return is_scalar(c) && c.field.type == DType::boolean; });
    values("few numbers", [rows = summary_.rows](const ColumnSummary& c) {
      return is_scalar(c) && c.field.type != DType::boolean && !c.top.empty() && c.distinct <= few &&
             *c.distinct * 2 <= rows - c.missing;
    });
    tensors();
    others();
    notes();
    return std::move(out_);
  }

 private:
  static bool is_scalar(const ColumnSummary& column) {
    return is_number(column.field.type) && column.field.shape.empty();
  }

  void section(std::vector<Cells> lines, std::size_t left) {
    if (lines.size() < 2) return;
    shorten_names(lines, width_);
    out_ += "\n" + aligned(lines, left);
  }

  void numbers() {
    constexpr std::size_t none = 100;
    std::vector<Cells> lines{
        {"numbers", "missing", "distinct", "min", "25 %", "50 %", "75 %", "max", "mean"}};
    for (const ColumnSummary& column : summary_.columns) {
      if (!is_scalar(column) || column.field.type == DType::boolean) continue;
      Cells line{name_text(column.field), missing_text(column, summary_.rows), distinct_text(column)};
      if (const auto& numbers = column.numbers) {
        line.push_back(number_text(numbers->least));
        for (const double quantile : numbers->quantiles) line.push_back(number_text(quantile));
        line.push_back(number_text(numbers->largest));
        line.push_back(number_text(numbers->mean));
        rough_quantiles_ = rough_quantiles_ || !numbers->quantiles_exact;
      } else {
        line.insert(line.end(), 6, "-");
      }
      rough_counts_ = rough_counts_ || !column.distinct_exact;
      lines.push_back(std::move(line));
    }
    section(std::move(lines), none);
  }

  template <typename Belongs>
  void values(std::string_view title, Belongs&& belongs) {
    std::vector<Cells> lines{{std::string(title), "missing", "distinct"}};
    std::vector<const ColumnSummary*> columns;
    for (const ColumnSummary& column : summary_.columns) {
      if (!belongs(column)) continue;
      columns.push_back(&column);
      lines.push_back({name_text(column.field), missing_text(column, summary_.rows), distinct_text(column)});
      rough_counts_ = rough_counts_ || !column.distinct_exact;
    }
    std::size_t used = 0;
    for (std::size_t i = 0; i < lines[0].size(); ++i) {
      std::size_t widest = 0;
      for (const Cells& line : lines) widest = std::max(widest, display_columns(line[i]));
      used += widest + gap.size();
    }
    lines[0].emplace_back("most frequent");
    for (std::size_t i = 0; i < columns.size(); ++i)
      lines[i + 1].push_back(top_text(*columns[i], summary_.rows, width_ > used ? width_ - used : 0));
    section(std::move(lines), 3);
  }

  void tensors() {
    std::vector<Cells> lines{{"tensors", "shape", "type", "missing", "min", "max", "mean"}};
    for (const ColumnSummary& column : summary_.columns) {
      if (!is_number(column.field.type) || column.field.shape.empty()) continue;
      const auto& numbers = column.numbers;
      lines.push_back(
          {name_text(column.field), to_string(column.field.shape), std::string(name_of(column.field.type)),
           missing_text(column, summary_.rows), numbers ? number_text(numbers->least) : "-",
           numbers ? number_text(numbers->largest) : "-", numbers ? number_text(numbers->mean) : "-"});
    }
    section(std::move(lines), 100);
  }

  void others() {
    std::vector<Cells> lines{{"others", "type"}};
    for (const ColumnSummary& column : summary_.columns) {
      if (column.field.type != DType::opaque) continue;
      lines.push_back({name_text(column.field), printable(column.field.foreign_type)});
    }
    section(std::move(lines), 1);
  }

  void notes() {
    const auto exact = static_cast<double>(summary_.exact_up_to);
    if (rough_counts_) {
      out_ +=
          fmt::format("\n~ estimated: more than {} values differ, and the count is right to some {:.1g} %\n",
                      count_text(static_cast<std::int64_t>(summary_.exact_up_to)), 100 / std::sqrt(exact));
    }
    if (rough_quantiles_) {
      out_ += fmt::format("{}Quantiles of more than {} values are right to some {:.1g} % of the rows.\n",
                          rough_counts_ ? "" : "\n",
                          count_text(static_cast<std::int64_t>(summary_.exact_up_to)), 300 / exact);
    }
  }

  const TableSummary& summary_;
  std::size_t width_;
  std::string out_;
  bool rough_counts_ = false, rough_quantiles_ = false;
};

std::string list_of(const std::vector<std::string>& values) {
  std::string out;
  for (const std::string& value : values) out += (out.empty() ? "" : ",") + value;
  return "[" + out + "]";
}

// What is JSON already.
void add_text(std::string& object, std::string_view key, const std::string& json) {
  if (object.size() > 1) object += ",";
  object += json_quoted(key) + ":" + json;
}

void add_numbers(std::string& out, const ColumnSummary::Numbers& numbers) {
  add_json(out, "min", numbers.least);
  if (numbers.quantiles.size() == 3) {
    std::string quantiles = "{";
    add_json(quantiles, "0.25", numbers.quantiles[0]);
    add_json(quantiles, "0.5", numbers.quantiles[1]);
    add_json(quantiles, "0.75", numbers.quantiles[2]);
    add_text(out, "quantiles", quantiles + "}");
    add_json(out, "quantiles_exact", numbers.quantiles_exact);
  }
  add_json(out, "max", numbers.largest);
  add_json(out, "mean", numbers.mean);
}

std::string json_of(const ColumnSummary& column) {
  std::string out = "{";
  add_json(out, "name", column.field.name);
  const bool is_opaque = column.field.type == DType::opaque;
  add_json(out, "type", is_opaque ? std::string_view(column.field.foreign_type) : name_of(column.field.type));
  std::vector<std::string> shape;
  for (const std::int64_t size : column.field.shape) shape.push_back(std::to_string(size));
  if (!shape.empty()) add_text(out, "shape", list_of(shape));
  if (const std::string* source = column.field.metadata.find("nn.source_name"))
    add_json(out, "source_name", *source);
  if (is_opaque) return out + "}";
  add_json(out, "missing", column.missing);
  if (column.distinct) {
    add_json(out, "distinct", *column.distinct);
    add_json(out, "distinct_exact", column.distinct_exact);
  }
  if (column.numbers) add_numbers(out, *column.numbers);
  if (column.top.empty()) return out + "}";
  std::vector<std::string> top;
  for (const ColumnSummary::Top& one : column.top) {
    std::string& object = top.emplace_back("{");
    add_json(object, "value", one.value);
    add_json(object, "count", one.count);
    object += "}";
  }
  add_text(out, "top", list_of(top));
  add_json(out, "top_exact", column.top_exact);
  return out + "}";
}

}  // namespace

std::string to_text(const TableSummary& summary, std::size_t width) { return Report(summary, width).text(); }

std::string to_json(const TableSummary& summary) {
  std::vector<std::string> columns;
  for (const ColumnSummary& column : summary.columns) columns.push_back(json_of(column));
  std::string out = "{";
  add_json(out, "rows", summary.rows);
  add_text(out, "columns", list_of(columns));
  return out + "}\n";
}

}  // namespace nn::table
