#include "base/json_text.hpp"

#include <bit>
#include <cstdint>
#include <cstring>

namespace nn {

bool json_nests_deeper(std::string_view text, std::size_t depth) {
  std::size_t open = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      if (++open > depth) return true;
    } else if ((c == ']' || c == '}') && open > 0) {
      --open;
    }
  }
  return false;
}

// Eight bytes at a time: a byte that is to be found becomes 0, from which taking 1 borrows the highest bit
// (Mycroft 1987). A borrow only reaches bytes behind one that was found.
std::size_t plain_in_json(std::string_view text) {
  constexpr std::uint64_t ones = 0x0101010101010101, highest = 0x80 * ones;
  const auto zeros = [](std::uint64_t bytes) { return (bytes - ones) & ~bytes; };
  std::size_t at = 0;
  for (; text.size() - at >= sizeof(std::uint64_t); at += sizeof(std::uint64_t)) {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, text.data() + at, sizeof bytes);
    if constexpr (std::endian::native == std::endian::big) break;
    const std::uint64_t others = bytes | ((bytes - ' ' * ones) & ~bytes) | zeros(bytes ^ 0x7f * ones) |
                                 zeros(bytes ^ '"' * ones) | zeros(bytes ^ '\\' * ones);
    if ((others & highest) != 0) return at + static_cast<std::size_t>(std::countr_zero(others & highest)) / 8;
  }
  const auto is_plain = [](char c) { return c >= ' ' && c < 0x7f && c != '"' && c != '\\'; };
  while (at < text.size() && is_plain(text[at])) ++at;
  return at;
}

}  // namespace nn
