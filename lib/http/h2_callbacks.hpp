// How libnghttp2 calls a session. Internal to this module.
#pragma once

#include <nghttp2/nghttp2.h>

namespace nn::http {

class H2Session;

// A server's session whose callbacks are those of `session`. Throws std::bad_alloc.
nghttp2_session* make_h2_server(H2Session& session);

}  // namespace nn::http
