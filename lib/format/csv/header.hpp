// Whether the first record of a text names its columns. For this module only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "format/csv/text.hpp"

namespace nn::format {

struct CsvRecord {
  std::vector<std::string> cells;
  std::vector<bool> quoted;
};

struct HeaderVerdict {
  bool header = false;
  // Why, where people might have thought otherwise: "its numbers count from 0". Empty where nobody would.
  std::string reason;
};

// A first record without a number is a header. One with numbers is, where all of them look like names:
// increasing whole numbers that count from 0 (as pandas names columns), or years, or such that only they are
// whole, or only they are quoted, in their columns of `rows`, the records behind it. Looks at the first
// thousand of those at most.
HeaderVerdict decide_header(const CsvRecord& first, std::string_view rows, const CsvDialect& dialect);

}  // namespace nn::format
