// What divides the cells of a text, where nobody says it. For this module only.
#pragma once

#include <string>
#include <string_view>

#include "format/csv/text.hpp"

namespace nn::format {

struct SniffWanted {
  bool delimiter = true;  // otherwise that of `likely` is known
  bool escape = true;
  bool quote_told = false;
};

// Writers of tables of tabs don't quote, and some do: unless people say so, a quoted cell of those ends in
// its line.
void set_delimiter(CsvDialect& dialect, char delimiter, bool quote_told);

struct Sniffed {
  CsvDialect dialect;
  bool in_columns = false;  // numbers that stand in columns, with several spaces between: no delimiter
  bool in_doubt = false;    // the text could be read by another delimiter as well
};

// The delimiter is the likely one, if all records have as many cells by it, and at least two; else the first
// of
// ',', tab, ';' and '|' of which that is true, or a space where all cells are numbers; else the likely one. A
// comma gives way to another where only by that all cells behind the first record are numbers. Quotes are
// escaped where the text can't be read otherwise. Looks at a hundred records at most.
Sniffed sniff_dialect(std::string_view text, const CsvDialect& likely, SniffWanted wanted);

}  // namespace nn::format
