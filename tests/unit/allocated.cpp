#include "allocated.hpp"

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> now{0}, peak{0};

void* counted(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  const std::size_t sum = now += ::malloc_usable_size(memory);
  std::size_t before = peak;
  while (sum > before && !peak.compare_exchange_weak(before, sum)) {
  }
  return memory;
}

void give_back(void* memory) {
  if (memory == nullptr) return;
  now -= ::malloc_usable_size(memory);
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) { return counted(std::malloc(std::max<std::size_t>(size, 1))); }
void* operator new(std::size_t size, std::align_val_t to) {
  const auto alignment = static_cast<std::size_t>(to);
  return counted(std::aligned_alloc(
      alignment, (std::max<std::size_t>(size, 1) + alignment - 1) / alignment * alignment));
}
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { give_back(memory); }

namespace nn::test {

void AllocatedBytes::start() {
  before_ = now;
  peak = before_;
}

std::size_t AllocatedBytes::most() const { return std::max<std::size_t>(peak, before_) - before_; }

}  // namespace nn::test
