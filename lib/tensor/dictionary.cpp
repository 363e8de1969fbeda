#include "tensor/dictionary.hpp"

#include <algorithm>
#include <cstring>

namespace nn {
namespace {

constexpr std::size_t least_room = 256, most_room = 1 << 20;

}  // namespace

std::string_view Dictionary::Texts::keep(std::string_view text) {
  if (text.empty()) return "";  // and not null, which memcpy() must not be given
  if (text.size() > left) {
    const std::size_t usual = std::clamp(total, least_room, most_room);
    // A long one gets memory of its own, and what is left is used on: little is lost in all.
    const bool alone = text.size() > usual / 4;
    const std::size_t size = alone ? text.size() : usual;
    bytes.push_back(std::make_unique_for_overwrite<char[]>(size));
    total += size;
    if (alone) {
      std::memcpy(bytes.back().get(), text.data(), size);
      return {bytes.back().get(), size};
    }
    room = bytes.back().get();
    left = size;
  }
  std::memcpy(room, text.data(), text.size());
  const std::string_view kept(room, text.size());
  room += text.size();
  left -= text.size();
  return kept;
}

void Dictionary::Texts::put(std::size_t i, std::string_view text) {
  const std::size_t position = i + first_block;
  const auto block = static_cast<std::size_t>(std::bit_width(position)) - first_bits;
  if (!blocks[block]) blocks[block] = std::make_unique<std::string_view[]>(first_block << block);
  blocks[block][position - (first_block << block)] = keep(text);
}

void Dictionary::append(std::string_view text) {
  std::size_t mine = size_;
  if (!texts_ || !texts_->taken.compare_exchange_strong(mine, size_ + 1)) {
    // There are none yet, or another copy went on from here: this one gets texts of its own.
    const auto own = std::make_shared<Texts>();
    for (std::size_t i = 0; i < size_; ++i) own->put(i, (*this)[i]);
    own->taken = size_ + 1;
    own->put(size_, text);  // which may be one of those that it leaves
    texts_ = own;
  } else {
    texts_->put(size_, text);
  }
  ++size_;
}

}  // namespace nn
