#include "format/arrow/frames.hpp"

#include <cstring>
#include <utility>

#include "Message_generated.h"
#include "base/error.hpp"
#include "base/text.hpp"

namespace nn::format {

FrameReader::FrameReader(std::unique_ptr<ByteInput> input, const StreamLimits& limits)
    : input_(std::move(input)), limits_(limits), mapped_(input_->mapped()) {
  if (mapped_) look_at(mapped_->bytes(), mapped_);
}

std::optional<Frame> FrameReader::next() {
  const std::uint32_t length = metadata_length();
  if (length == 0) return std::nullopt;
  return body_of(length);
}

bool FrameReader::find_next_stream() {
  constexpr std::uint64_t most_counted = 1 << 30;
  std::uint32_t word = 0;
  std::size_t n = 0;
  do {
    ahead_size_ = 0;
    n = read(ahead_);
    word = 0;
    std::memcpy(&word, ahead_.data(), n);
  } while (n == sizeof word && word == 0);
  if (word == 0) return false;
  if (n == sizeof word && word == continuation) {
    ahead_size_ = n;
    return true;
  }
  std::uint64_t behind = n;
  if (owner_) {
    behind += rest_.size();
  } else {
    Buffer rest(64 << 10);
    for (std::size_t more = 1; more > 0 && behind < most_counted; behind += more)
      more = read_full(*input_, rest.bytes());
  }
  fail_data("{}{} bytes follow its end-of-stream marker, which are no other stream (they begin with '{}')",
            behind < most_counted ? "" : "over ", behind,
            printable({reinterpret_cast<const char*>(ahead_.data()), n}));
}

Frame FrameReader::at(std::int64_t offset) {
  const std::span<const std::byte> whole = mapped_->bytes();
  if (offset < 0 || static_cast<std::uint64_t>(offset) >= whole.size())
    fail_data("a message at {} of {} bytes", offset, whole.size());
  rest_ = whole.subspan(static_cast<std::size_t>(offset));
  const std::uint32_t length = metadata_length();
  if (length == 0) fail_data("an empty message at {}", offset);
  const std::size_t before = rest_.size();
  Frame frame = body_of(length);
  read_at_ += before - rest_.size();
  if (read_at_ > whole.size()) fail_data("its footer names the same messages more than once");
  return frame;
}

std::uint32_t FrameReader::metadata_length() {
  std::uint32_t word = 0;
  const std::size_t n = read({reinterpret_cast<std::byte*>(&word), sizeof word});
  if (n == 0 && count_ == 0) fail_data("empty, not a stream; the program in front of it wrote nothing");
  if (n < sizeof word) fail_cut();
  if (word == continuation) {
    if (read({reinterpret_cast<std::byte*>(&word), sizeof word}) < sizeof word) fail_cut();
  } else if (count_ == 0 && word > limits_.max_frame) {
    throw data_error("not a stream of Arrow messages (it begins with '{}')",
                     printable({reinterpret_cast<const char*>(&word), sizeof word}))
        .advise("; nn-read makes one of a table of text or arrays: nn-read{} | …",
                name() == "standard input" ? "" : " " + printable(name(), 4096));
  }
  if (word > limits_.max_frame || word >= FLATBUFFERS_MAX_BUFFER_SIZE) {
    throw data_error("message {}: metadata of {} bytes is over the limit of {} bytes", count_, word,
                     limits_.max_frame)
        .advise(max_frame_advice);
  }
  return word;
}

Frame FrameReader::body_of(std::uint32_t length) {
  Frame frame;
  frame.message = verified<arrow::Message>(metadata(length));
  frame.metadata_bytes = length;
  if (frame.message == nullptr) fail_data("message {} is corrupt: its metadata cannot be read", count_);
  // A verified union may say what it holds and hold nothing.
  if (frame.message->header() == nullptr) fail_data("message {} is corrupt: it has no header", count_);
  const arrow::MetadataVersion version = frame.message->version();
  if (version > arrow::MetadataVersion::V5) {
    fail(ErrorKind::unsupported, "message {}: metadata version {} is newer than what can be read (5)", count_,
         static_cast<int>(version) + 1);
  }
  if (version < arrow::MetadataVersion::V4) {
    fail(ErrorKind::unsupported, "message {}: metadata version {} is older than what can be read (4)", count_,
         static_cast<int>(version) + 1);
  }
  const std::int64_t body = frame.message->body_length();
  if (body < 0) fail_data("message {} is corrupt: a body of {} bytes", count_, body);
  if (static_cast<std::uint64_t>(body) > limits_.max_frame) {
    throw data_error("message {}: a body of {} bytes is over the limit of {} bytes", count_, body,
                     limits_.max_frame)
        .advise(max_frame_advice);
  }
  frame.body = body_bytes(static_cast<std::size_t>(body));
  ++count_;
  return frame;
}

std::span<const std::byte> FrameReader::metadata(std::size_t size) {
  metadata_.reserve_discarding(size);
  const auto bytes = metadata_.bytes().first(size);
  if (read(bytes) < size) fail_cut();
  return bytes;
}

WireBody FrameReader::body_bytes(std::size_t size) {
  if (owner_) {
    if (rest_.size() < size) fail_cut();
    const std::span<const std::byte> bytes = rest_.first(size);
    rest_ = rest_.subspan(size);
    return {bytes, owner_};
  }
  const auto buffer = pool_.get(size);
  if (read_full(*input_, buffer->bytes().first(size)) < size) fail_cut();
  return {buffer->bytes().first(size), buffer};
}

std::size_t FrameReader::read(std::span<std::byte> out) {
  if (ahead_size_ > 0) {
    // It was looked at as a whole word, and is asked for as one.
    std::memcpy(out.data(), ahead_.data(), ahead_size_);
    const std::size_t n = std::exchange(ahead_size_, 0);
    return n + (n < out.size() ? read(out.subspan(n)) : 0);
  }
  if (!owner_) return read_full(*input_, out);
  const std::size_t n = std::min(out.size(), rest_.size());
  if (n > 0) std::memcpy(out.data(), rest_.data(), n);  // of nothing there is no address
  rest_ = rest_.subspan(n);
  return n;
}

void FrameReader::fail_cut() const {
  fail_data(
      "ends without its end-of-stream marker after {} messages: the program that wrote it did not finish",
      count_);
}

}  // namespace nn::format
