#include "format/pieces.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "format/buffer_pool.hpp"

namespace nn {

// Gathers what the writer writes.
class PieceWriter::Memory final : public ByteOutput {
 public:
  void write(std::span<struct iovec> pieces) override {
    std::size_t bytes = 0;
    for (const auto& piece : pieces) bytes += piece.iov_len;
    make_room(size_ + bytes);
    for (const auto& piece : pieces) {
      if (piece.iov_len > 0) std::memcpy(buffer_->data() + size_, piece.iov_base, piece.iov_len);
      size_ += piece.iov_len;
    }
  }
  Piece take() { return {std::exchange(buffer_, nullptr), std::exchange(size_, 0)}; }

 private:
  void make_room(std::size_t bytes) {
    if (buffer_ && buffer_->size() >= bytes) return;
    auto larger = pool_.get(std::max(bytes, 2 * size_));
    if (size_ > 0) std::memcpy(larger->data(), buffer_->data(), size_);
    buffer_ = std::move(larger);
  }
  BufferPool pool_;
  std::shared_ptr<Buffer> buffer_;
  std::size_t size_ = 0;
};

PieceWriter::PieceWriter(const Schema& schema, StreamLimits limits)
    : memory_(new Memory), writer_(std::unique_ptr<ByteOutput>(memory_), schema, limits) {}
PieceWriter::~PieceWriter() = default;
Piece PieceWriter::take() { return memory_->take(); }
void PieceWriter::write(const Batch& batch) { writer_.write(batch); }

}  // namespace nn
