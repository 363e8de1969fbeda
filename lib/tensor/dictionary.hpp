// Texts of a category column.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace nn {

// Texts numbered from 0, to which more can be appended. A copy takes constant time, since it shares
// the texts, and is a dictionary of its own: what is appended to one is not seen in the other. So a
// batch keeps the dictionary that it came with while its stream's goes on growing, and appending n
// texts takes time in proportion to them, however often a copy is given out in between.
// One object is for one thread at a time; copies of it may be used by different threads.
class Dictionary {
 public:
  std::size_t size() const { return size_; }
  // Lives as long as any copy that has it.
  std::string_view operator[](std::size_t i) const {
    const std::size_t position = i + first_block;
    const auto block = static_cast<std::size_t>(std::bit_width(position)) - first_bits;
    return texts_->blocks[block][position - (first_block << block)];
  }
  void append(std::string_view text);

  // Whether it begins with all texts of `other` since it was made from it by appending. In constant
  // time: where both only happen to be alike, the answer is false.
  bool continues(const Dictionary& other) const {
    return other.size_ == 0 || (texts_ == other.texts_ && size_ >= other.size_);
  }

  // Memory of an entry, beside its text.
  static constexpr std::size_t entry_bytes = sizeof(std::string_view);

 private:
  // Block k holds first_block << k entries: what is there never moves, so that it may be read
  // while another copy appends.
  static constexpr std::size_t first_block = 16, first_bits = 5;  // bit_width(first_block)
  static constexpr std::size_t most_blocks = 40;
  struct Texts {
    std::atomic<std::size_t> taken = 0;  // entries that belong to one of the copies
    std::array<std::unique_ptr<std::string_view[]>, most_blocks> blocks;
    std::vector<std::unique_ptr<char[]>> bytes;
    std::size_t total = 0;  // of all in `bytes`
    char* room = nullptr;   // in the last of `bytes`
    std::size_t left = 0;   // bytes of it
    std::string_view keep(std::string_view text);
    void put(std::size_t i, std::string_view text);
  };
  std::shared_ptr<Texts> texts_;  // null while it is empty
  std::size_t size_ = 0;
};

}  // namespace nn
