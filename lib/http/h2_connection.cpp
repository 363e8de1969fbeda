#include "http/connection.hpp"

namespace nn::http {

// HTTP/2 isn't spoken yet.
std::shared_ptr<Connection> make_h2_connection(ThreadContext& /*thread*/, net::Socket /*socket*/,
                                               std::string /*bytes*/, Peer /*peer*/) {
  return nullptr;
}

}  // namespace nn::http
