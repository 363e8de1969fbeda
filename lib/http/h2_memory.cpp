#include "http/h2_memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

namespace nn::http {
namespace {

// In front of each block; as large as what malloc() aligns to.
struct alignas(std::max_align_t) Header {
  std::size_t size;  // of what follows
  Header* next;      // while it is kept
};

constexpr std::size_t smallest = 32, powers = 8;  // 32 … 4096 bytes
constexpr std::size_t session_bytes = 3072;       // a list of its own: a session is hardly larger than 2048
constexpr std::size_t classes = powers + 1;
constexpr std::size_t most_kept = 256 << 10;  // bytes of a thread

// The number of the list for blocks of that size, or `classes` where they are too large to be kept.
constexpr std::size_t class_of(std::size_t size) {
  if (size > session_bytes / 3 * 2 && size <= session_bytes) return powers;
  const std::size_t width = std::bit_width(std::max(size, smallest) - 1);
  const std::size_t power = width - std::bit_width(smallest - 1);
  return power < powers ? power : classes;
}

constexpr std::size_t class_bytes(std::size_t number) {
  return number == powers ? session_bytes : smallest << number;
}

// Pages of a run, and how many runs are taken from the system at once.
constexpr std::size_t page = 4096;
constexpr std::array<std::size_t, 2> run_bytes{page, 5 * page};
constexpr std::size_t runs_at_once = 32;
// More than a frame with its head (NGHTTP2_FRAMEBUF_CHUNKLEN), which the larger runs are for.
constexpr std::size_t least_in_pages = 4096;

struct Kept {
  std::array<Header*, classes> lists{};
  std::array<std::vector<std::byte*>, run_bytes.size()> runs;  // that nobody uses, and that hold nothing
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
    for (std::size_t i = 0; i < runs.size(); ++i) {
      for (std::byte* run : runs[i]) ::munmap(run, run_bytes[i]);
    }
  }
};

thread_local Kept kept;

void* take_block(std::size_t size) {
  const std::size_t at = class_of(size);
  if (at < classes) {
    size = class_bytes(at);
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

void give_back_block(void* memory) {
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

// Zeros. Null where there is no memory, or no list of runs any more.
std::byte* take_run(std::size_t number) {
  if (kept.ended) return nullptr;
  auto& runs = kept.runs[number];
  if (runs.empty()) {
    const std::size_t bytes = run_bytes[number];
    try {
      runs.reserve(runs_at_once);
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
    void* const all =
        ::mmap(nullptr, runs_at_once * bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) return nullptr;
    ++kept.system_blocks;
    for (std::size_t i = runs_at_once; i-- > 0;) runs.push_back(static_cast<std::byte*>(all) + i * bytes);
  }
  std::byte* const run = runs.back();
  runs.pop_back();
  return run;
}

void give_back_run(std::byte* run, std::size_t bytes) {
  const std::size_t number = bytes == run_bytes[0] ? 0 : 1;
  if (!kept.ended && ::madvise(run, bytes, MADV_DONTNEED) == 0) {
    try {
      return kept.runs[number].push_back(run);
    } catch (const std::bad_alloc&) {
      // The system gets it.
    }
  }
  ::munmap(run, bytes);
}

bool is_zero(const std::byte* data, std::size_t bytes) {
  return data[0] == std::byte{0} && std::memcmp(data, data + 1, bytes - 1) == 0;
}

}  // namespace

void* H2Memory::take(std::size_t size) {
  if (size >= least_in_pages && size <= run_bytes.back()) {
    const auto free =
        std::find_if(pages_.begin(), pages_.end(), [](const Pages& p) { return p.data == nullptr; });
    const std::size_t number = size <= run_bytes[0] ? 0 : 1;
    std::byte* const run = free == pages_.end() ? nullptr : take_run(number);
    if (run != nullptr) {
      *free = {run, run_bytes[number]};
      return run;
    }
  }
  return take_block(size);
}

H2Memory::Pages* H2Memory::pages_of(const void* memory) {
  const auto at =
      std::find_if(pages_.begin(), pages_.end(), [&](const Pages& p) { return p.data == memory; });
  return at == pages_.end() ? nullptr : &*at;
}

void H2Memory::give_back(void* memory) {
  if (memory == nullptr) return;
  Pages* const pages = pages_of(memory);
  if (pages == nullptr) return give_back_block(memory);
  give_back_run(pages->data, pages->bytes);
  *pages = {};
}

void* H2Memory::take_zeroed(std::size_t count, std::size_t size) {
  if (size != 0 && count > SIZE_MAX / size) return nullptr;
  void* const memory = take(count * size);
  if (memory != nullptr && pages_of(memory) == nullptr) std::memset(memory, 0, count * size);
  return memory;
}

void* H2Memory::resize(void* memory, std::size_t size) {
  if (memory == nullptr) return take(size);
  const Pages* const pages = pages_of(memory);
  const std::size_t before = pages != nullptr ? pages->bytes : (static_cast<Header*>(memory) - 1)->size;
  if (size <= before) return memory;
  void* const larger = take(size);
  if (larger == nullptr) return nullptr;
  std::memcpy(larger, memory, before);
  give_back(memory);
  return larger;
}

// Of what is zero nothing is lost. What is larger than a table of streams is where frames were put together,
// and all of them are sent.
void H2Memory::rest() {
  for (const Pages& pages : pages_) {
    if (pages.data == nullptr) continue;
    if (pages.bytes > run_bytes[0] || is_zero(pages.data, pages.bytes))
      ::madvise(pages.data, pages.bytes, MADV_DONTNEED);
  }
}

nghttp2_mem H2Memory::functions() {
  static constexpr auto self = [](void* user) -> H2Memory& { return *static_cast<H2Memory*>(user); };
  return {
      .mem_user_data = this,
      .malloc = [](std::size_t size, void* user) { return self(user).take(size); },
      .free = [](void* memory, void* user) { self(user).give_back(memory); },
      .calloc = [](std::size_t count, std::size_t size,
                   void* user) { return self(user).take_zeroed(count, size); },
      .realloc = [](void* memory, std::size_t size, void* user) { return self(user).resize(memory, size); }};
}

std::uint64_t h2_system_blocks() { return kept.system_blocks; }

}  // namespace nn::http
