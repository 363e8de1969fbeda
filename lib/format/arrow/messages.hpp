// The tensor stream in buffers of whole messages, as connections carry it: the schema in one
// frame, the rows of a request in another.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "format/arrow/stream.hpp"
#include "tensor/batch.hpp"

namespace nn::format {

// Bytes with a share in their memory, which is aligned to 64.
struct MessageBuffer {
  std::shared_ptr<const Buffer> memory;
  std::size_t size = 0;
  std::span<const std::byte> bytes() const {
    return memory ? memory->bytes().first(size) : std::span<const std::byte>{};
  }
};

// Messages to be sent: its own memory, with large columns in between that stay where they are.
struct OutgoingMessages {
  struct Column {
    std::size_t at;  // behind so many bytes of `own`
    std::span<const std::byte> bytes;
    std::shared_ptr<const void> owner;
  };
  MessageBuffer own;
  std::vector<Column> columns;  // ascending
  std::size_t size() const;
  // All of it, in order: calls take(span of bytes) for each part.
  template <typename Take>
  void for_each(Take&& take) const {
    std::size_t from = 0;
    for (const Column& column : columns) {
      take(own.bytes().subspan(from, column.at - from));
      take(column.bytes);
      from = column.at;
    }
    take(own.bytes().subspan(from));
  }
};

// One thread. The memory of a buffer is used again once nobody has a share in it.
class MessageWriter {
 public:
  explicit MessageWriter(const Schema& schema, StreamLimits limits = {});
  ~MessageWriter();
  // The message that begins the stream, and what write() made since the last call, in one buffer.
  OutgoingMessages take();
  // Dictionaries that the reader has not, and the rows. Data error when they don't fit one message.
  void write(const Batch& batch);

 private:
  class Memory;
  Memory* memory_;  // the writer's
  StreamWriter writer_;
};

// One thread. The name is for messages.
class MessageReader {
 public:
  explicit MessageReader(std::string name, StreamLimits limits = {});
  ~MessageReader();
  // Takes all messages of a buffer; gives its rows, where it has any: at most one batch, whose
  // columns look into it. A schema begins the stream anew. Data errors as read_stream()
  // has them; the stream can't be read on after one.
  std::optional<Batch> read(const MessageBuffer& buffer);
  // Null until it was read.
  const std::shared_ptr<const Schema>& schema() const;
  // Memory that its schema and dictionaries take while it waits for more, roughly.
  std::uint64_t kept_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Bytes that all messages of a buffer stand for: metadata, and bodies as they are once they are decompressed,
// a byte for each value at least. It reads metadata and no values, so that whoever passes messages on can
// keep an account without decoding them. Data errors for what can't be read at all; compressed values that
// aren't as many as promised are seen only by whoever decodes them, and refused there.
std::uint64_t decoded_size(const MessageBuffer& buffer, StreamLimits limits = {});

}  // namespace nn::format
