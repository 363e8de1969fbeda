// Event files, as TensorBoard reads them: records with checksums, each of which is a message of protocol
// buffers. Both are written by hand: it takes five kinds of fields, and no library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace nn::format {

// A message, field by field: in the order of calls, and fields may come again. Each function appends.
class ProtoMessage {
 public:
  ProtoMessage& whole(std::uint32_t field,
                      std::uint64_t value);  // int32, int64, bool, enum: not negative, or wrapped
  ProtoMessage& real(std::uint32_t field, double value);    // double
  ProtoMessage& single(std::uint32_t field, double value);  // float: what the nearest one of 32 bits is
  // string: bytes that are not UTF-8, which readers would refuse the message for, become U+FFFD.
  ProtoMessage& text(std::uint32_t field, std::string_view value);
  ProtoMessage& message(std::uint32_t field, const ProtoMessage& value);  // also bytes that are one
  const std::string& bytes() const { return bytes_; }

 private:
  void key(std::uint32_t field, std::uint32_t type);
  void varint(std::uint64_t value);
  void bytes_of(std::uint32_t field, std::string_view value);
  std::string bytes_;
};

// A record with this content: its length and both checksums (CRC-32C, masked).
std::string event_record(std::string_view content);

// What stands in front of a file whose writer may have died.
struct EventRecords {
  std::size_t whole =
      0;  // bytes of the records that are complete and have the right checksums, up to the first other
  std::string_view last;  // the content of the last of them; a piece of what was looked at
};
EventRecords event_records(std::string_view bytes);

}  // namespace nn::format
