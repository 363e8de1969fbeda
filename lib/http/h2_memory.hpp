// Memory of libnghttp2's sessions: small blocks are kept by their sizes, so that a request takes none of the
// system's once a thread has seen a few, and large ones need not be there while nothing happens.
#pragma once

#include <nghttp2/nghttp2.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace nn::http {

// Of one session, which must end before it. Blocks may be given back in another thread, which then keeps
// them.
class H2Memory {
 public:
  H2Memory() = default;
  H2Memory(const H2Memory&) = delete;
  H2Memory& operator=(const H2Memory&) = delete;

  // For nghttp2_session_server_new3(), which copies it.
  nghttp2_mem functions();
  // Gives pages back to the system whose content doesn't matter. Only while the session has nothing to write.
  void rest();

 private:
  // A block in pages of its own: libnghttp2 has two from the beginning, a table of streams and the place
  // where frames are put together, of which an idle connection uses nothing.
  struct Pages {
    std::byte* data = nullptr;
    std::size_t bytes = 0;
  };
  void* take(std::size_t size);
  void* take_zeroed(std::size_t count, std::size_t size);
  void* resize(void* memory, std::size_t size);
  void give_back(void* memory);
  Pages* pages_of(const void* memory);

  std::array<Pages, 4> pages_{};  // more of them are blocks like others
};

// Blocks that this thread's sessions have got from the system so far; for tests.
std::uint64_t h2_system_blocks();

}  // namespace nn::http
