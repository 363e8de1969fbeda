// Aligned memory with shared ownership: what columns and tensors point into.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace nn {

inline constexpr std::size_t alignment = 64;  // of every buffer, column and weight

constexpr std::size_t align_up(std::size_t n, std::size_t to = alignment) { return (n + to - 1) / to * to; }

// A block of `alignment`-aligned bytes, not initialised. Movable, not copyable.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t bytes);

  std::byte* data() { return data_.get(); }
  const std::byte* data() const { return data_.get(); }
  std::size_t size() const { return size_; }
  std::span<std::byte> bytes() { return {data(), size_}; }
  std::span<const std::byte> bytes() const { return {data(), size_}; }

  // Makes room for at least `bytes`; what was inside is lost when it must grow.
  void reserve_discarding(std::size_t bytes);

  template <typename T>
  T* as() {
    return reinterpret_cast<T*>(data());
  }
  template <typename T>
  const T* as() const {
    return reinterpret_cast<const T*>(data());
  }

 private:
  struct Free {
    void operator()(std::byte* p) const;
  };
  std::unique_ptr<std::byte, Free> data_;
  std::size_t size_ = 0;
};

// Asks for large pages (transparent huge pages) under a long block that is about to be filled: there are
// fewer page faults while it is, and fewer misses of the TLB when it is used. Nothing where there are none.
void prefer_large_pages(std::span<std::byte> bytes);

// For a process that stays: large blocks go back to the system when they are freed, and never become holes
// among small ones. Before other threads start.
void keep_large_blocks_apart();
// Gives freed memory back to the system.
void give_back_memory();

}  // namespace nn
