// Rows with names for their columns, as text for people and as CSV and JSON for programs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/enum_names.hpp"

namespace nn::sweep {

enum class TableFormat : std::uint8_t { text, csv, json, jsonl };
const EnumNames<TableFormat>& enum_names(TableFormat);

// A cell, as text and as JSON.
struct Cell {
  std::string text, json;
};
Cell cell(std::string text);
Cell number(double value);  // NaN: nothing is there
Cell whole(std::int64_t value);
Cell none();

struct Table {
  std::vector<std::string> names;
  std::vector<std::vector<Cell>> rows;  // each as long as names
};
// With ends of lines.
std::string text_of(const Table& table, TableFormat format);
// An object of JSON, without an end of line.
std::string json_row(const Table& table, const std::vector<Cell>& row);

}  // namespace nn::sweep
