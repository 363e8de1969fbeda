#include "format/protobuf/wire.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

namespace nn::format::proto {

void fail_wire(const char* what) { fail_data("the message can't be read: {}", what); }

std::uint64_t Reader::read_long_varint() {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (at_ == end_) fail_wire("a number is cut off");
    const auto byte = static_cast<std::uint8_t>(*at_++);
    if (shift == 63 && byte > 1) break;
    value |= std::uint64_t{byte & 0x7Fu} << shift;
    if (byte < 0x80) return value;
  }
  fail_wire("a number has more than 64 bits");
}

std::string_view Reader::text() const {
  // What is ASCII needs no closer look.
  for (const char c : bytes_) {
    if (static_cast<signed char>(c) >= 0) continue;
    if (!is_utf8(bytes_)) fail_wire("a text is not UTF-8");
    break;
  }
  return bytes_;
}

MapEntry read_entry(std::string_view entry) {
  MapEntry read;
  for (Reader fields(entry); fields.next();) {
    if (fields.key() == bytes(1)) read.key = fields.text();
    if (fields.key() == bytes(2)) read.value = fields.bytes();
  }
  return read;
}

}  // namespace nn::format::proto
