// Numbers for texts: how categories are found again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/batch.hpp"

namespace nn::table {

// Texts numbered in the order in which they first appear.
class TextIndex {
 public:
  TextIndex();
  // The number of `text`; a new one gets the next.
  std::int32_t index_of(std::string_view text);
  std::size_t size() const { return entries_.size(); }
  std::string_view operator[](std::size_t i) const {
    return std::string_view(bytes_).substr(entries_[i].at, entries_[i].size);
  }
  std::size_t bytes() const { return bytes_.size(); }

 private:
  struct Entry {
    std::uint64_t hash;
    std::size_t at, size;
  };
  void grow();
  std::vector<Entry> entries_;
  std::vector<std::int32_t> table_;  // open addressing; -1 is free
  std::string bytes_;
  std::uint64_t seed_;
};

// An index whose texts are shared as dictionaries: each one that dictionary() gave begins
// with all of the one before it.
class GrowingDictionary {
 public:
  // As TextIndex; a data error when the texts become too many to be categories, so that no
  // input can fill the memory with them.
  std::int32_t index_of(std::string_view text);
  const TextIndex& texts() const { return index_; }
  // All texts so far. What was given out before stays as it is.
  std::shared_ptr<const Dictionary> dictionary();

 private:
  TextIndex index_;
  std::shared_ptr<const Dictionary> dictionary_ = std::make_shared<Dictionary>();
};

}  // namespace nn::table
