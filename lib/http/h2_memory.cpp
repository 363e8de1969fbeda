#include "http/h2_memory.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace nn::http {
namespace {

// In front of each block; as large as what malloc() aligns to.
struct alignas(std::max_align_t) Header {
  std::size_t size;  // of what follows
  Header* next;      // while it is kept
};

constexpr std::size_t smallest = 32, classes = 8;  // 32 … 4096 bytes
constexpr std::size_t most_kept = 256 << 10;       // bytes of a thread

// The number of the list for blocks of that size, or `classes` where they are too large to be kept.
constexpr std::size_t class_of(std::size_t size) {
  const std::size_t width = std::bit_width(std::max(size, smallest) - 1);
  return std::min<std::size_t>(width - std::bit_width(smallest - 1), classes);
}

struct Kept {
  std::array<Header*, classes> lists{};
  std::size_t bytes = 0;
  std::uint64_t system_blocks = 0;
  bool ended = false;

  ~Kept() {
    // Sessions that live on with static objects find nothing here, and keep nothing.
    ended = true;
    for (Header* header : lists) {
      while (header != nullptr) std::free(std::exchange(header, header->next));
    }
    lists.fill(nullptr);
  }
};

thread_local Kept kept;

void* take(std::size_t size) {
  const std::size_t at = class_of(size);
  if (at < classes) {
    size = smallest << at;
    if (Header* const header = kept.lists[at]) {
      kept.lists[at] = header->next;
      kept.bytes -= size;
      return header + 1;
    }
  }
  if (size > SIZE_MAX - sizeof(Header)) return nullptr;
  auto* const header = static_cast<Header*>(std::malloc(sizeof(Header) + size));
  if (header == nullptr) return nullptr;
  ++kept.system_blocks;
  header->size = size;
  return header + 1;
}

void give_back(void* memory) {
  if (memory == nullptr) return;
  Header* const header = static_cast<Header*>(memory) - 1;
  const std::size_t at = class_of(header->size);
  if (at == classes || kept.ended || kept.bytes + header->size > most_kept) {
    std::free(header);
    return;
  }
  header->next = kept.lists[at];
  kept.lists[at] = header;
  kept.bytes += header->size;
}

void* take_zeroed(std::size_t count, std::size_t size) {
  if (size != 0 && count > SIZE_MAX / size) return nullptr;
  void* const memory = take(count * size);
  if (memory != nullptr) std::memset(memory, 0, count * size);
  return memory;
}

void* resize(void* memory, std::size_t size) {
  if (memory == nullptr) return take(size);
  const std::size_t before = (static_cast<Header*>(memory) - 1)->size;
  if (size <= before) return memory;
  void* const larger = take(size);
  if (larger == nullptr) return nullptr;
  std::memcpy(larger, memory, before);
  give_back(memory);
  return larger;
}

}  // namespace

nghttp2_mem* h2_memory() {
  static nghttp2_mem functions{
      .mem_user_data = nullptr,
      .malloc = [](std::size_t size, void*) { return take(size); },
      .free = [](void* memory, void*) { give_back(memory); },
      .calloc = [](std::size_t count, std::size_t size, void*) { return take_zeroed(count, size); },
      .realloc = [](void* memory, std::size_t size, void*) { return resize(memory, size); }};
  return &functions;
}

std::uint64_t h2_system_blocks() { return kept.system_blocks; }

}  // namespace nn::http
