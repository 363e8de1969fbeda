#include "allocated.hpp"

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> now{0}, peak{0}, calls{0};
thread_local std::ptrdiff_t left_until_failure = -1;  // negative: none
thread_local bool has_failed = false;

void* counted(std::size_t size, std::size_t alignment = 0) {
  size = std::max<std::size_t>(size, 1);
  ++calls;
  void* memory = alignment == 0
                     ? std::malloc(size)
                     : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (memory == nullptr) return nullptr;
  const std::size_t sum = now += ::malloc_usable_size(memory);
  std::size_t before = peak;
  while (sum > before && !peak.compare_exchange_weak(before, sum)) {
  }
  return memory;
}

void* counted_or_throw(std::size_t size, std::size_t alignment = 0) {
  const bool fails = left_until_failure == 0;
  if (left_until_failure >= 0) --left_until_failure;
  has_failed = has_failed || fails;
  void* const memory = fails ? nullptr : counted(size, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void give_back(void* memory) {
  if (memory == nullptr) return;
  now -= ::malloc_usable_size(memory);
  std::free(memory);
}

}  // namespace

// All forms: sanitizers bring their own of those that are missing, and see that pairs match.
using Size = std::size_t;
using Align = std::align_val_t;
using NoThrow = const std::nothrow_t&;
void* operator new(Size size) { return counted_or_throw(size); }
void* operator new[](Size size) { return counted_or_throw(size); }
void* operator new(Size size, NoThrow) noexcept { return counted(size); }
void* operator new[](Size size, NoThrow) noexcept { return counted(size); }
void* operator new(Size size, Align to) { return counted_or_throw(size, static_cast<Size>(to)); }
void* operator new[](Size size, Align to) { return counted_or_throw(size, static_cast<Size>(to)); }
void* operator new(Size size, Align to, NoThrow) noexcept { return counted(size, static_cast<Size>(to)); }
void* operator new[](Size size, Align to, NoThrow) noexcept { return counted(size, static_cast<Size>(to)); }
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete[](void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, Size) noexcept { give_back(memory); }
void operator delete[](void* memory, Size) noexcept { give_back(memory); }
void operator delete(void* memory, NoThrow) noexcept { give_back(memory); }
void operator delete[](void* memory, NoThrow) noexcept { give_back(memory); }
void operator delete(void* memory, Align) noexcept { give_back(memory); }
void operator delete[](void* memory, Align) noexcept { give_back(memory); }
void operator delete(void* memory, Size, Align) noexcept { give_back(memory); }
void operator delete[](void* memory, Size, Align) noexcept { give_back(memory); }
void operator delete(void* memory, Align, NoThrow) noexcept { give_back(memory); }
void operator delete[](void* memory, Align, NoThrow) noexcept { give_back(memory); }

namespace nn::test {

void AllocatedBytes::start() {
  before_ = now;
  peak = before_;
  calls_before_ = calls;
}

std::size_t AllocatedBytes::count() const { return calls - calls_before_; }

std::size_t AllocatedBytes::most() const { return std::max<std::size_t>(peak, before_) - before_; }

FailingAllocation::FailingAllocation(std::size_t after) {
  has_failed = false;
  left_until_failure = static_cast<std::ptrdiff_t>(after);
}

FailingAllocation::~FailingAllocation() { left_until_failure = -1; }

bool FailingAllocation::failed() const { return has_failed; }

std::size_t AllocatedBytes::kept() const { return std::max<std::size_t>(now, before_) - before_; }

}  // namespace nn::test
