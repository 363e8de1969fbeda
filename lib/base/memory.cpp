#include "base/memory.hpp"

#include <algorithm>
#include <new>

namespace nn {

Buffer::Buffer(std::size_t bytes) : size_(bytes) {
  data_.reset(static_cast<std::byte*>(
      ::operator new(align_up(std::max<std::size_t>(bytes, 1)), std::align_val_t(alignment))));
}

void Buffer::reserve_discarding(std::size_t bytes) {
  if (bytes > size_) *this = Buffer(bytes);
}

void Buffer::Free::operator()(std::byte* p) const { ::operator delete(p, std::align_val_t(alignment)); }

}  // namespace nn
