#include "sweep/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/json_lines.hpp"
#include "base/terminal.hpp"
#include "base/text.hpp"

namespace nn::sweep {
namespace {

std::string csv_word(const std::string& word) {
  if (word.find_first_of(",\"\n\r") == std::string::npos) return word;
  std::string out = "\"";
  for (const char c : word) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}

// Columns as wide as what is in them, two spaces between.
std::string aligned(const Table& table) {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < table.names.size(); ++i) {
    std::size_t most = display_columns(table.names[i]);
    for (const auto& row : table.rows) most = std::max(most, display_columns(row[i].text));
    widths.push_back(most);
  }
  std::string out;
  const auto line = [&](auto text_of) {
    std::string row;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      const std::string text = text_of(i);
      row += text + std::string(widths[i] - display_columns(text) + 2, ' ');
    }
    row.resize(row.find_last_not_of(' ') + 1);
    out += row + '\n';
  };
  line([&](std::size_t i) { return table.names[i]; });
  for (const auto& row : table.rows) line([&](std::size_t i) { return printable(row[i].text, 200); });
  return out;
}

}  // namespace

const EnumNames<TableFormat>& enum_names(TableFormat) {
  static constexpr EnumName<TableFormat> table[] = {{TableFormat::text, "text"},
                                                    {TableFormat::csv, "csv"},
                                                    {TableFormat::json, "json"},
                                                    {TableFormat::jsonl, "jsonl"}};
  static constexpr EnumNames<TableFormat> names{"a format", table};
  return names;
}

Cell cell(std::string text) {
  std::string json = json_quoted(text);
  return {std::move(text), std::move(json)};
}
Cell number(double value) {
  if (std::isnan(value)) return {"", "null"};
  const std::string text = fmt::format("{}", value);
  return {text, std::isfinite(value) ? text : "null"};
}
Cell whole(std::int64_t value) { return {std::to_string(value), std::to_string(value)}; }
Cell none() { return {"", "null"}; }

std::string json_row(const Table& table, const std::vector<Cell>& row) {
  std::string out = "{";
  for (std::size_t i = 0; i < row.size(); ++i) {
    out += fmt::format("{}{}:{}", i > 0 ? "," : "", json_quoted(table.names[i]), row[i].json);
  }
  return out + '}';
}

std::string text_of(const Table& table, TableFormat format) {
  std::string out;
  switch (format) {
    case TableFormat::text: return aligned(table);
    case TableFormat::csv: {
      for (std::size_t i = 0; i < table.names.size(); ++i)
        out += (i > 0 ? "," : "") + csv_word(table.names[i]);
      out += '\n';
      for (const auto& row : table.rows) {
        for (std::size_t i = 0; i < row.size(); ++i) out += (i > 0 ? "," : "") + csv_word(row[i].text);
        out += '\n';
      }
      return out;
    }
    case TableFormat::jsonl:
      for (const auto& row : table.rows) out += json_row(table, row) + '\n';
      return out;
    case TableFormat::json:
      for (const auto& row : table.rows) out += (out.empty() ? "[" : ",\n ") + json_row(table, row);
      return (out.empty() ? "[" : out) + "]\n";
  }
  return out;
}

}  // namespace nn::sweep
