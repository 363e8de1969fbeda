// How libnghttp2 calls a session. Internal to this module.
#pragma once

#include <nghttp2/nghttp2.h>

namespace nn::http {

class H2Memory;
class H2Session;

// A server's session whose callbacks are those of `session`, in that memory, which must outlive it. Throws
// std::bad_alloc.
nghttp2_session* make_h2_server(H2Session& session, H2Memory& memory);

}  // namespace nn::http
