// Small work on texts.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nn {

std::vector<std::string> split(std::string_view text, char separator);
// Lines, without their ends: LF, or CR LF.
std::vector<std::string> split_lines(std::string_view text);
std::string_view trim(std::string_view text);  // spaces and tabs at both ends

// The length of the UTF-8 sequence at the front of `text`, which isn't empty; 0 if it begins with none.
// Only what is well-formed counts (RFC 3629): no overlong forms, no surrogates, nothing over U+10FFFF.
std::size_t utf8_length(std::string_view text);
bool is_utf8(std::string_view text);
// The text with U+FFFD in place of each byte that is not UTF-8, for formats whose readers refuse those.
std::string as_utf8(std::string_view text);

// Text that came from outside, safe to print: control characters and bytes that are
// not UTF-8 become \xNN, and it is cut with "…" after `limit` bytes.
std::string printable(std::string_view text, std::size_t limit = 60);

// The candidate that `word` is probably a misspelling of, if any: the one that it begins; or else the one
// with the fewest mistakes, of which a word may have one in three letters.
std::optional<std::string> closest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace nn
