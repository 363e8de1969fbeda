#include "format/event_file.hpp"

#include <array>
#include <bit>
#include <cstring>

#include "base/text.hpp"

namespace nn::format {
namespace {

// Kinds of fields on the wire.
constexpr std::uint32_t varint_type = 0, fixed64_type = 1, bytes_type = 2, fixed32_type = 5;
constexpr std::size_t head_bytes = 12,
                      checksum_bytes = 4;  // of a record: length and its checksum; and that of the content

// Little-endian, whatever the machine.
template <typename Integer>
std::string little(Integer value) {
  std::string out;
  for (std::size_t i = 0; i < sizeof value; ++i) out += static_cast<char>(value >> (8 * i) & 0xFF);
  return out;
}
template <typename Integer>
Integer from_little(std::string_view bytes) {
  Integer value = 0;
  for (std::size_t i = 0; i < sizeof value; ++i)
    value |= static_cast<Integer>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  return value;
}

// Of CRC-32C, Castagnoli's, with its bits the other way round: what each byte makes of a remainder.
constexpr std::array<std::uint32_t, 256> remainders = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t remainder = byte;
    for (int bit = 0; bit < 8; ++bit) remainder = remainder >> 1 ^ ((remainder & 1) != 0 ? 0x82F63B78U : 0);
    table[byte] = remainder;
  }
  return table;
}();

// Masked, since a checksum of what contains checksums is a weak one.
std::uint32_t checksum(std::string_view bytes) {
  std::uint32_t crc = ~0U;
  for (const char c : bytes) crc = remainders[(crc ^ static_cast<unsigned char>(c)) & 0xFF] ^ crc >> 8;
  return std::rotr(~crc, 15) + 0xA282EAD8U;
}

}  // namespace

void ProtoMessage::varint(std::uint64_t value) {
  for (; value > 0x7F; value >>= 7) bytes_ += static_cast<char>((value & 0x7F) | 0x80);
  bytes_ += static_cast<char>(value);
}

void ProtoMessage::key(std::uint32_t field, std::uint32_t type) { varint(field << 3 | type); }

void ProtoMessage::bytes_of(std::uint32_t field, std::string_view value) {
  key(field, bytes_type);
  varint(value.size());
  bytes_ += value;
}

ProtoMessage& ProtoMessage::whole(std::uint32_t field, std::uint64_t value) {
  key(field, varint_type);
  varint(value);
  return *this;
}

ProtoMessage& ProtoMessage::real(std::uint32_t field, double value) {
  key(field, fixed64_type);
  bytes_ += little(std::bit_cast<std::uint64_t>(value));
  return *this;
}

ProtoMessage& ProtoMessage::single(std::uint32_t field, double value) {
  key(field, fixed32_type);
  bytes_ += little(std::bit_cast<std::uint32_t>(static_cast<float>(value)));
  return *this;
}

ProtoMessage& ProtoMessage::text(std::uint32_t field, std::string_view value) {
  bytes_of(field, as_utf8(value));
  return *this;
}

ProtoMessage& ProtoMessage::message(std::uint32_t field, const ProtoMessage& value) {
  bytes_of(field, value.bytes_);
  return *this;
}

std::string event_record(std::string_view content) {
  std::string out = little(static_cast<std::uint64_t>(content.size()));
  out += little(checksum(out));
  out += content;
  return out += little(checksum(content));
}

EventRecords event_records(std::string_view bytes) {
  EventRecords found;
  for (;;) {
    const std::string_view left = bytes.substr(found.whole);
    if (left.size() < head_bytes + checksum_bytes) return found;
    const auto length = from_little<std::uint64_t>(left);
    if (from_little<std::uint32_t>(left.substr(8)) != checksum(left.substr(0, 8))) return found;
    if (length > left.size() - head_bytes - checksum_bytes) return found;
    const std::string_view content = left.substr(head_bytes, static_cast<std::size_t>(length));
    if (from_little<std::uint32_t>(left.substr(head_bytes + content.size())) != checksum(content))
      return found;
    found.whole += head_bytes + content.size() + checksum_bytes;
    found.last = content;
  }
}

}  // namespace nn::format
