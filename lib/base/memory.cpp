#include "base/memory.hpp"

#include <malloc.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
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

void prefer_large_pages(std::span<std::byte> bytes) {
#ifdef MADV_HUGEPAGE
  constexpr std::uintptr_t large = std::uintptr_t{2} << 20;  // of x86-64, and of arm64 with pages of 4 KiB
  const auto begin = reinterpret_cast<std::uintptr_t>(bytes.data());
  const std::uintptr_t first = (begin + large - 1) / large * large,
                       last = (begin + bytes.size()) / large * large;
  if (first < last) ::madvise(bytes.data() + (first - begin), last - first, MADV_HUGEPAGE);
#endif
}

void keep_large_blocks_apart() {
#ifdef __GLIBC__
  constexpr int large = 1 << 20;
  ::mallopt(M_MMAP_THRESHOLD, large);
#endif
}

void give_back_memory() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

}  // namespace nn
