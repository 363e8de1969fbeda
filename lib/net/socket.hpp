// Sockets of any kind as one type, for modules that see Asio. One thread an io_context.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>

#include "base/file.hpp"
#include "net/access.hpp"
#include "net/endpoint.hpp"
#include "process/child.hpp"

namespace nn {
namespace asio = boost::asio;
}

namespace nn::net {

using Socket = asio::generic::stream_protocol::socket;
using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol>;

// A connected stream socket that somebody else opened, taken over. Io error when it is none.
Socket adopt_socket(asio::io_context& io, UniqueFd fd);
// The same for a listening one.
Acceptor adopt_listener(asio::io_context& io, UniqueFd fd);

// The transport of a connection: what it goes through besides its socket.
struct Transport {
  Endpoint::Kind kind = Endpoint::Kind::unix_socket;
  std::unique_ptr<process::Child> child;     // the command of exec: and ssh:
  std::shared_ptr<const std::string> alert;  // why the other side ended TLS; empty until then
};

// Waits until the endpoint has answered, at most the time to connect, and as long for TLS. The
// transport must outlive the socket. Unavailable errors name the endpoint; usage and data errors are
// about certificates.
asio::awaitable<Socket> connect(Endpoint endpoint, Access access, Transport& transport);

}  // namespace nn::net
