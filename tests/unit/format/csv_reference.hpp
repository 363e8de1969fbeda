// A CSV parser too simple to be wrong, and random text for it.
#pragma once

#include <random>
#include <string>
#include <string_view>

#include "format/csv/text.hpp"
#include "tables.hpp"

namespace nn::test {

inline format::CsvDialect random_dialect(std::mt19937& random) {
  const char delimiters[] = {',', ';', '\t', ' ', '|'};
  format::CsvDialect dialect;
  dialect.delimiter = delimiters[random() % 5];
  if (random() % 2 == 0) dialect.comment = random() % 2 == 0 ? "#" : "##";
  return dialect;
}

// Cells of every kind, well-formed.
inline std::string random_cell(std::mt19937& random, const format::CsvDialect& dialect) {
  const std::string pieces[] = {"a", "1", "-2.5", "é", "\"\"", "\n", "\r\n",
                                ",", ";", "\t",   " ", "#",    "NA", "|"};
  std::string cell;
  if (random() % 3 == 0) {
    for (auto n = random() % 5; n > 0; --n) cell += pieces[random() % 14];
    return "\"" + cell + "\"";
  }
  for (auto n = random() % 3; n > 0; --n)
    cell += random() % 6 == 0 ? std::string("x\"") : pieces[random() % 4];
  if (random() % 4 == 0 && dialect.delimiter != ' ') cell = " " + cell + " ";
  return cell;
}

inline std::string random_csv(std::mt19937& random, const format::CsvDialect& dialect) {
  std::string text;
  for (auto rows = random() % 6; rows > 0; --rows) {
    if (!dialect.comment.empty() && random() % 4 == 0) text += dialect.comment + "it's \"odd\n";
    if (random() % 5 == 0) text += "\n";
    for (auto cells = 1 + random() % 3; cells > 0; --cells) {
      text += random_cell(random, dialect);
      if (cells > 1) text += dialect.delimiter;
    }
    if (rows > 1 || random() % 2 == 0) text += random() % 3 == 0 ? "\r\n" : "\n";
  }
  return text;
}

// One character at a time.
inline Rows reference_rows(std::string_view text, const format::CsvDialect& dialect) {
  Rows rows;
  const auto blank = [&](char c) { return (c == ' ' || c == '\t') && c != dialect.delimiter; };
  const auto trimmed = [&](std::string cell) {
    while (!cell.empty() && blank(cell.back())) cell.pop_back();
    while (!cell.empty() && blank(cell.front())) cell.erase(0, 1);
    return cell;
  };
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t line_end = std::min(text.find('\n', at), text.size());
    std::string line(text.substr(at, line_end - at));
    if (!line.empty() && line.back() == '\r') line.pop_back();
    const bool comment = !dialect.comment.empty() && text.substr(at).starts_with(dialect.comment);
    if (comment || trimmed(line).empty()) {
      at = line_end + 1;
      continue;
    }
    std::vector<std::string> row(1);
    bool quoted = false, was_quoted = false;
    for (;; ++at) {
      const bool end = at == text.size() || text[at] == '\n' ||
                       (text[at] == '\r' && (at + 1 == text.size() || text[at + 1] == '\n'));
      if (quoted) {
        if (text[at] != '"') {
          row.back() += text[at];
        } else if (at + 1 < text.size() && text[at + 1] == '"') {
          row.back() += text[++at];
        } else {
          quoted = false;
        }
        continue;
      }
      if (end || text[at] == dialect.delimiter) {
        if (!was_quoted) row.back() = trimmed(row.back());
        was_quoted = false;
        if (end) break;
        row.emplace_back();
      } else if (text[at] == '"' && !was_quoted && trimmed(row.back()).empty()) {
        row.back().clear();
        quoted = was_quoted = true;
      } else if (!was_quoted) {
        row.back() += text[at];
      }
    }
    if (at < text.size() && text[at] == '\r') ++at;
    ++at;
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace nn::test
