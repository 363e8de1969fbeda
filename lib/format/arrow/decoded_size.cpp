#include <algorithm>
#include <cstring>

#include "Message_generated.h"
#include "base/error.hpp"
#include "format/arrow/frames.hpp"
#include "format/arrow/messages.hpp"

namespace nn::format {
namespace {

// What is so large that sums could wrap around is far over any limit.
constexpr std::uint64_t most = std::uint64_t{1} << 56;

// Bytes of one buffer, which the body's first 8 bytes of it say where it is compressed.
std::uint64_t decoded_size(const arrow::Buffer& buffer, std::span<const std::byte> body, bool compressed) {
  const auto size = static_cast<std::int64_t>(body.size());
  if (buffer.offset() < 0 || buffer.length() < 0 || buffer.offset() > size ||
      buffer.length() > size - buffer.offset()) {
    fail_data("a buffer of {} bytes at {} lies outside its body of {} bytes", buffer.length(),
              buffer.offset(), size);
  }
  std::int64_t decoded = 0;
  if (!compressed || buffer.length() == 0) return static_cast<std::uint64_t>(buffer.length());
  if (static_cast<std::size_t>(buffer.length()) < sizeof decoded)
    fail_data("a compressed buffer of {} bytes", buffer.length());
  std::memcpy(&decoded, body.data() + buffer.offset(), sizeof decoded);
  if (decoded == -1) return static_cast<std::uint64_t>(buffer.length());
  if (decoded < 0) fail_data("a compressed buffer of {} bytes", decoded);
  return static_cast<std::uint64_t>(decoded);
}

std::uint64_t decoded_size(const arrow::RecordBatch& batch, std::span<const std::byte> body) {
  std::uint64_t buffers = 0, values = 0;
  const auto add = [](std::uint64_t& sum, std::uint64_t bytes) {
    sum = std::min(sum + std::min(bytes, most), most);
  };
  for (std::uint32_t i = 0; batch.buffers() != nullptr && i < batch.buffers()->size(); ++i) {
    add(buffers,
        decoded_size(element_of<arrow::Buffer>(*batch.buffers(), i), body, batch.compression() != nullptr));
  }
  for (std::uint32_t i = 0; batch.nodes() != nullptr && i < batch.nodes()->size(); ++i) {
    const std::int64_t length = element_of<arrow::FieldNode>(*batch.nodes(), i).length();
    add(values, static_cast<std::uint64_t>(std::max<std::int64_t>(length, 0)));
  }
  return std::max(buffers, values);
}

}  // namespace

std::uint64_t decoded_size(const MessageBuffer& piece, StreamLimits limits) {
  FrameReader frames("rows", limits);
  frames.look_at(piece.bytes(), piece.memory);
  std::uint64_t bytes = 0;
  while (!frames.at_end()) {
    const std::optional<Frame> frame = frames.next();
    if (!frame) break;
    bytes += frame->metadata_bytes;
    const arrow::RecordBatch* batch = frame->message->header_as_RecordBatch();
    if (const auto* dictionary = frame->message->header_as_DictionaryBatch()) batch = dictionary->data();
    if (batch != nullptr) bytes += decoded_size(*batch, frame->body.bytes);
  }
  return bytes;
}

}  // namespace nn::format
