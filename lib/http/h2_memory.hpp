// Memory of libnghttp2's sessions: small blocks are kept by their sizes, so that a request takes none of the
// system's once a thread has seen a few.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>

namespace nn::http {

// For nghttp2_session_server_new3(). Blocks may be given back in another thread, which then keeps them.
nghttp2_mem* h2_memory();

// Blocks that this thread's sessions have got from the system so far; for tests.
std::uint64_t h2_system_blocks();

}  // namespace nn::http
