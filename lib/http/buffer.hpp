// Bytes with room behind their end. Internal to this module.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace nn::http {

class Buffer {
 public:
  // Parsers may read as many bytes behind the end.
  static constexpr std::size_t padding = 64;

  std::size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  std::size_t capacity() const { return capacity_; }
  const char* data() const { return bytes_.get() + begin_; }
  std::string_view view() const { return {data(), size()}; }

  // The free bytes behind the end, of which commit() makes some part of the contents.
  char* tail() { return bytes_.get() + end_; }
  std::size_t room() const { return capacity_ - end_; }
  void commit(std::size_t bytes) { end_ += bytes; }
  void append(std::string_view more) {
    if (more.empty()) return;
    make_room(more.size());
    std::memcpy(tail(), more.data(), more.size());
    end_ += more.size();
  }
  void consume(std::size_t bytes) {
    begin_ += bytes;
    if (begin_ == end_) begin_ = end_ = 0;
  }

  // Room for as many more: moves the contents to the front, or into memory of twice the size.
  void make_room(std::size_t more) {
    if (room() >= more) return;
    const std::size_t needed = size() + more;
    if (needed > capacity_) return reserve(std::max(needed, std::min(2 * capacity_, needed + most_ahead)));
    std::memmove(bytes_.get(), data(), size());
    end_ = size();
    begin_ = 0;
  }
  void reserve(std::size_t capacity) {
    if (capacity <= capacity_) return;
    auto bytes = std::make_unique_for_overwrite<char[]>(capacity + padding);
    const std::size_t kept = size();
    if (kept != 0) std::memcpy(bytes.get(), data(), kept);
    bytes_ = std::move(bytes);
    capacity_ = capacity;
    begin_ = 0;
    end_ = kept;
  }
  // What is behind the end is of no other request.
  void clear_padding() {
    if (bytes_) std::memset(tail(), 0, padding);
  }
  void clear() { begin_ = end_ = 0; }
  void release() {
    bytes_.reset();
    begin_ = end_ = capacity_ = 0;
  }

 private:
  static constexpr std::size_t most_ahead = 64 << 20;
  std::unique_ptr<char[]> bytes_;
  std::size_t begin_ = 0, end_ = 0, capacity_ = 0;
};

}  // namespace nn::http
