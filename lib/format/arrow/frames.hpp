// The messages of a stream as they lie in it: metadata, verified, and body. Internal to the stream reader.
#pragma once

#include <flatbuffers/flatbuffers.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/memory.hpp"
#include "format/arrow/body.hpp"
#include "format/arrow/stream.hpp"
#include "format/buffer_pool.hpp"

namespace nn::arrow {
struct Message;
}

namespace nn::format {

inline constexpr std::uint32_t continuation = 0xFFFFFFFF;

// The root of a FlatBuffer, or null where it is damaged. Tables may be referred to more than once, and
// nested, so that a small buffer could stand for any number of them: the number of visits is held to
// what a buffer of this size can have without that, so that verifying, and walking over all of it
// afterwards, take linear time.
template <typename Root>
const Root* verified(std::span<const std::byte> bytes) {
  constexpr flatbuffers::uoffset_t deepest_tables = 64;
  constexpr std::size_t few_tables = 64, least_table = 8;  // bytes, with the reference to it
  const auto most_tables =
      static_cast<flatbuffers::uoffset_t>(std::max(few_tables, bytes.size() / least_table));
  flatbuffers::Verifier verifier(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(),
                                 deepest_tables, most_tables);
  return verifier.VerifyBuffer<Root>(nullptr) ? flatbuffers::GetRoot<Root>(bytes.data()) : nullptr;
}

// One message: its metadata, good until the next one is read, and its body.
struct Frame {
  const arrow::Message* message = nullptr;
  std::size_t metadata_bytes = 0;
  WireBody body;
};

// Takes messages off an input, one after the other. Data errors name the message, not the input.
class FrameReader {
 public:
  FrameReader(std::unique_ptr<ByteInput> input, const StreamLimits& limits);
  // A reader of memory only, which look_at() says.
  FrameReader(std::string name, const StreamLimits& limits)
      : FrameReader(bytes_in_memory({}, std::move(name)), limits) {}

  // The bytes that come next are in memory, which `owner` keeps.
  void look_at(std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
    rest_ = bytes;
    owner_ = std::move(owner);
  }
  bool at_end() const { return rest_.empty(); }

  const std::string& name() const { return input_->name(); }
  std::int64_t count() const { return count_; }
  const std::shared_ptr<const MappedFile>& mapped() const { return mapped_; }

  // The next message, or nothing at the end-of-stream marker.
  std::optional<Frame> next();

  // Behind an end-of-stream marker: whether another stream follows; zeros that pad are stepped over. Data
  // error, which counts them, where bytes follow that are none.
  bool find_next_stream();

  // The message at `offset` of a mapped file. All that are read so may not be longer than the file together.
  Frame at(std::int64_t offset);

 private:
  std::uint32_t metadata_length();
  Frame body_of(std::uint32_t length);
  // Aligned to 8 bytes; good until the next call.
  std::span<const std::byte> metadata(std::size_t size);
  WireBody body_bytes(std::size_t size);
  std::size_t read(std::span<std::byte> out);
  [[noreturn]] void fail_cut() const;

  std::unique_ptr<ByteInput> input_;
  StreamLimits limits_;
  std::shared_ptr<const MappedFile> mapped_;
  std::shared_ptr<const void> owner_;  // of the rest, where it is in memory
  std::span<const std::byte> rest_;
  std::array<std::byte, 4> ahead_{};  // a word that was looked at
  std::size_t ahead_size_ = 0;
  Buffer metadata_;
  BufferPool pool_;
  std::int64_t count_ = 0;
  std::uint64_t read_at_ = 0;  // bytes of messages that at() gave
};

}  // namespace nn::format
