// Memory of the devices, and pinned memory of the host.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>

#include "host_cuda/fake_devices.hpp"
#include "host_cuda/fake_runtime.hpp"

#if defined(__SANITIZE_ADDRESS__)
  #include <sanitizer/asan_interface.h>
#endif

namespace host_cuda {
namespace {

constexpr std::size_t guard = 64;          // bytes on both sides of an allocation, which nobody may write
constexpr unsigned char poison = 0xFF;     // floats of it are NaN
constexpr std::size_t poisoned = 1 << 20;  // of larger ones, both ends

struct Allocation {
  std::size_t size = 0;
  int device = on_host;
};
using Allocations = std::map<const char*, Allocation>;

Allocations& allocations() {
  static Allocations all;
  return all;
}

// That which holds all these bytes, or the end.
Allocations::iterator find(const void* memory, std::size_t size) {
  const auto* p = static_cast<const char*>(memory);
  auto found = allocations().upper_bound(p);
  if (found == allocations().begin()) return allocations().end();
  --found;
  return p + size <= found->first + found->second.size ? found : allocations().end();
}

// AddressSanitizer watches them where it is there, reads too.
void hide_guards([[maybe_unused]] const char* memory, [[maybe_unused]] std::size_t size) {
#if defined(__SANITIZE_ADDRESS__)
  __asan_poison_memory_region(memory - guard, guard);
  __asan_poison_memory_region(memory + size, guard);
#endif
}

void show_guards([[maybe_unused]] const char* memory, [[maybe_unused]] std::size_t size) {
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(memory - guard, size + 2 * guard);
#endif
}

void check_guards(const char* memory, std::size_t size) {
  show_guards(memory, size);
  for (std::size_t i = 0; i < guard; ++i) {
    const auto before = static_cast<unsigned char>(memory[-1 - static_cast<std::ptrdiff_t>(i)]);
    const auto behind = static_cast<unsigned char>(memory[size + i]);
    if (before != poison || behind != poison) fail("memory outside of an allocation was written");
  }
  hide_guards(memory, size);
}

}  // namespace

void check_all_guards() {
  for (const auto& [memory, allocation] : allocations()) check_guards(memory, allocation.size);
}

std::size_t free_memory(int device) {
  std::size_t taken = 0;
  for (const auto& [memory, allocation] : allocations()) {
    if (allocation.device == device) taken += allocation.size;
  }
  return total_memory() - taken;
}

cudaError_t allocate(void** memory, std::size_t size, int device) {
  if (device != on_host && size > free_memory(device)) return cudaErrorMemoryAllocation;
  auto* block = static_cast<char*>(std::malloc(size + 2 * guard));
  if (block == nullptr) return cudaErrorMemoryAllocation;
  char* inside = block + guard;
  std::memset(block, poison, guard + std::min(size, poisoned));
  std::memset(inside + size - std::min(size, poisoned), poison, guard + std::min(size, poisoned));
  hide_guards(inside, size);
  allocations()[inside] = {size, device};
  counts().allocations += device != on_host;
  *memory = inside;
  return cudaSuccess;
}

cudaError_t release(void* memory, bool of_device) {
  const auto found = allocations().find(static_cast<char*>(memory));
  if (found == allocations().end() || (found->second.device != on_host) != of_device)
    return cudaErrorInvalidValue;
  check_guards(found->first, found->second.size);
  show_guards(found->first, found->second.size);
  allocations().erase(found);
  std::free(static_cast<char*>(memory) - guard);
  return cudaSuccess;
}

Place place_of(const void* memory, std::size_t size) {
  const auto found = find(memory, size);
  return found == allocations().end() ? Place{} : Place{true, found->second.device};
}

bool on_device(const void* memory, std::size_t size) {
  const std::lock_guard lock(one_at_a_time());
  const Place place = place_of(memory, size);
  return place.found && place.device == chosen_device();
}

// Pointers are found by their values, wherever in a structure they are.
void check_argument(const void* argument, std::size_t size) {
  const std::lock_guard lock(one_at_a_time());
  for (std::size_t at = 0; at + sizeof(std::uintptr_t) <= size; at += sizeof(std::uintptr_t)) {
    std::uintptr_t word = 0;
    std::memcpy(&word, static_cast<const char*>(argument) + at, sizeof word);
    const Place place = place_of(reinterpret_cast<const void*>(word), 1);
    if (place.found && place.device != on_host && place.device != chosen_device())
      fail("a kernel with memory of another device");
  }
}

void check_member(const void* first, const void* own) {
  if (first == own) return;
  const auto found = find(first, 1);
  if (found == allocations().end() || find(own, 1) != found) fail("a member that lies outside of its memory");
}

}  // namespace host_cuda
