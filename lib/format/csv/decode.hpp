// Text as the parser has it: UTF-8 with lines that end in LF, whatever the file has.
#pragma once

#include <memory>
#include <string>

#include "format/bytes.hpp"

namespace nn::format {

// Whether the first bytes are UTF-16's or UTF-32's byte order mark.
bool has_wide_mark(std::string_view head);

// The same input where it is such text already. Else one that converts as it is read: from `encoding`, as
// iconv(3) names it, or where that is empty from what a byte order mark says; and lines that end in CR alone,
// where the first 64 KiB have no other; a CR in a cell between two `quote`s (0: there are none) stays one.
// Usage error for an encoding that this system doesn't know; data errors of the input, also from read(), name
// the first byte that its encoding doesn't have.
std::unique_ptr<ByteInput> decoded(std::unique_ptr<ByteInput> input, const std::string& encoding, char quote);

}  // namespace nn::format
