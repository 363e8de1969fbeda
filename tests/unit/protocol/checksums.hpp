// Frames that somebody made up.
#pragma once

#include <xxhash.h>

#include <cstdint>
#include <cstring>
#include <string>

namespace nn::test {

// The same with the checksums of what is there, as far as the lengths make sense: what lies behind
// the check of the checksum is to be tested.
inline std::string with_checksums(std::string bytes) {
  constexpr std::size_t prefix = 24;
  for (std::size_t at = 0; at + prefix <= bytes.size();) {
    std::uint32_t control = 0;
    std::uint64_t body = 0;
    std::memcpy(&control, bytes.data() + at + 4, sizeof control);
    std::memcpy(&body, bytes.data() + at + 8, sizeof body);
    const std::size_t left = bytes.size() - at - prefix;
    if (control > left || body > left - control) break;
    const std::uint64_t sum = XXH3_64bits(bytes.data() + at + prefix, control + body);
    std::memcpy(bytes.data() + at + 16, &sum, sizeof sum);
    at += prefix + control + body;
  }
  return bytes;
}

}  // namespace nn::test
