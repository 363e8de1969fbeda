#include "format/arrow/messages.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "format/buffer_pool.hpp"

namespace nn::format {

namespace {

constexpr std::size_t large = 16 << 10;  // copying less is cheaper than keeping it

}  // namespace

std::size_t OutgoingMessages::size() const {
  std::size_t bytes = own.size;
  for (const Column& column : columns) bytes += column.bytes.size();
  return bytes;
}

// Gathers what the writer writes.
class MessageWriter::Memory final : public ByteOutput {
 public:
  void write(std::span<struct iovec> pieces) override {
    std::size_t bytes = 0;
    for (const auto& piece : pieces) bytes += owner_of(piece) ? 0 : piece.iov_len;
    make_room(size_ + bytes);
    for (const auto& piece : pieces) {
      if (auto owner = owner_of(piece)) {
        const auto* data = static_cast<const std::byte*>(piece.iov_base);
        columns_.push_back({size_, {data, piece.iov_len}, std::move(owner)});
        continue;
      }
      if (piece.iov_len > 0) std::memcpy(buffer_->data() + size_, piece.iov_base, piece.iov_len);
      size_ += piece.iov_len;
    }
  }
  void look_at(const Batch* batch) { batch_ = batch; }
  OutgoingMessages take() {
    return {{std::exchange(buffer_, nullptr), std::exchange(size_, 0)}, std::exchange(columns_, {})};
  }

 private:
  // Takes a large column's values as they are, if they live longer than the call.
  std::shared_ptr<const void> owner_of(const struct iovec& piece) const {
    if (batch_ == nullptr || piece.iov_len < large) return nullptr;
    for (const Column& column : batch_->columns) {
      if (column.data == piece.iov_base) return column.owner;
    }
    return nullptr;
  }
  void make_room(std::size_t bytes) {
    if (buffer_ && buffer_->size() >= bytes) return;
    auto larger = pool_.get(std::max(bytes, 2 * size_));
    if (size_ > 0) std::memcpy(larger->data(), buffer_->data(), size_);
    buffer_ = std::move(larger);
  }
  BufferPool pool_;
  std::shared_ptr<Buffer> buffer_;
  std::size_t size_ = 0;
  std::vector<OutgoingMessages::Column> columns_;
  const Batch* batch_ = nullptr;
};

MessageWriter::MessageWriter(const Schema& schema, StreamLimits limits)
    : memory_(new Memory),
      writer_(std::unique_ptr<ByteOutput>(memory_), schema, limits, StreamWriter::Checksums::no,
              StreamWriter::Dictionaries::deltas) {}
MessageWriter::~MessageWriter() = default;
OutgoingMessages MessageWriter::take() { return memory_->take(); }

void MessageWriter::write(const Batch& batch) {
  memory_->look_at(&batch);
  writer_.write(batch);
  memory_->look_at(nullptr);
}

}  // namespace nn::format
