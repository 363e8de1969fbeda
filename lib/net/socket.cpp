#include "net/socket.hpp"

#include <sys/socket.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>

#include "base/error.hpp"
#include "base/numbers.hpp"
#include "net/no_throw.hpp"
#include "net/timer.hpp"
#include "net/tls.hpp"

namespace nn::net {
namespace {

using namespace asio::experimental::awaitable_operators;
using asio::ip::tcp;

asio::generic::stream_protocol protocol_of(int fd, const char* what) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0 ||
      ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
    fail_errno(what);
  }
  if (type != SOCK_STREAM) throw make_error(ErrorKind::io, "not a stream socket").within(what);
  return {address.ss_family, 0};
}

[[noreturn]] void fail_unreachable(const Endpoint& endpoint, std::string_view why) {
  throw Error(ErrorKind::unavailable, std::string(why)).within_file(to_string(endpoint));
}

// What nobody may do, or where nothing can be, is so at the next try too.
[[noreturn]] void fail_connecting(const Endpoint& endpoint, const boost::system::error_code& error) {
  using boost::system::errc::errc_t;
  for (const errc_t lasting :
       {errc_t::permission_denied, errc_t::operation_not_permitted, errc_t::not_a_directory,
        errc_t::too_many_symbolic_link_levels, errc_t::filename_too_long,
        errc_t::address_family_not_supported, errc_t::wrong_protocol_type}) {
    if (error == lasting) throw Error(ErrorKind::io, error.message()).within_file(to_string(endpoint));
  }
  fail_unreachable(endpoint, error.message());
}

asio::awaitable<Socket> connect_tcp(const Endpoint& endpoint) {
  const auto io = co_await asio::this_coro::executor;
  tcp::resolver resolver(io);
  auto [lookup, found] =
      co_await resolver.async_resolve(endpoint.host, std::to_string(endpoint.port), no_throw);
  if (lookup) fail_unreachable(endpoint, lookup.message());
  tcp::socket socket(io);
  auto [error, used] = co_await asio::async_connect(socket, found, no_throw);
  if (error) fail_connecting(endpoint, error);
  socket.set_option(tcp::no_delay(true));
  co_return Socket(std::move(socket));
}

asio::awaitable<Socket> connect_unix(const Endpoint& endpoint) {
  asio::local::stream_protocol::socket socket(co_await asio::this_coro::executor);
  std::string path = endpoint.path;
  if (path[0] == '@') path[0] = '\0';
  auto [error] = co_await socket.async_connect(asio::local::stream_protocol::endpoint(path), no_throw);
  if (error) fail_connecting(endpoint, error);
  co_return Socket(std::move(socket));
}

std::vector<std::string> words_of(const Endpoint& endpoint) {
  if (endpoint.kind == Endpoint::Kind::exec) return {"/bin/sh", "-c", endpoint.path};
  const auto colon = endpoint.host.rfind(':');
  std::vector<std::string> words = {"ssh", "-T", "-o", "BatchMode=yes"};
  if (colon != std::string::npos) {
    words.insert(words.end(), {"-p", std::to_string(parse_integer(endpoint.host.substr(colon + 1)))});
  }
  words.insert(words.end(), {"--", endpoint.host.substr(0, colon)});
  words.push_back(endpoint.path.empty() ? "nn-worker --stdio" : endpoint.path);
  return words;
}

process::Command command_of(const Endpoint& endpoint) {
  process::Command command;
  command.words = words_of(endpoint);
  command.socket = true;
  // Somebody at a terminal may be asked for a password, by an ssh of exec: or one that ssh:// goes
  // through; only the terminal's foreground group can.
  command.own_group = !process::at_terminal();
  return command;
}

asio::awaitable<Socket> open(const Endpoint& endpoint, std::unique_ptr<process::Child>& child) {
  switch (endpoint.kind) {
    case Endpoint::Kind::tcp:
    case Endpoint::Kind::tls: co_return co_await connect_tcp(endpoint);
    case Endpoint::Kind::unix_socket: co_return co_await connect_unix(endpoint);
    case Endpoint::Kind::http:
    case Endpoint::Kind::https:
      throw make_error(ErrorKind::usage, "an inference server is there, no worker")
          .within_file(to_string(endpoint));
    case Endpoint::Kind::ssh:
    case Endpoint::Kind::exec: break;
  }
  child = std::make_unique<process::Child>(command_of(endpoint));
  auto executor = co_await asio::this_coro::executor;
  UniqueFd fd = child->take_socket();
  const auto protocol = protocol_of(fd.get(), "socket pair");
  co_return Socket(executor, protocol, fd.release());
}

// Errors are values here: a race is won by whoever returns, not by whoever throws.
struct Opened {
  std::optional<Socket> socket;
  std::optional<Error> error;
};
asio::awaitable<Opened> try_open(const Endpoint& endpoint, std::unique_ptr<process::Child>& child) {
  Opened out;
  try {
    out.socket = co_await open(endpoint, child);
  } catch (const Error& error) {
    out.error = error;
  }
  co_return out;
}

}  // namespace

Socket adopt_socket(asio::io_context& io, UniqueFd fd) {
  const auto protocol = protocol_of(fd.get(), "connection");
  return Socket(io, protocol, fd.release());
}

Acceptor adopt_listener(asio::io_context& io, UniqueFd fd) {
  const auto protocol = protocol_of(fd.get(), "listening socket");
  return Acceptor(io, protocol, fd.release());
}

asio::awaitable<Socket> connect(Endpoint endpoint, Access access, Transport& transport) {
  transport.kind = endpoint.kind;
  std::optional<Tls> tls;
  if (endpoint.kind == Endpoint::Kind::tls) tls.emplace(access.tls, Tls::Side::client);
  const auto timeout = access.connect_timeout;
  net::Timer timer(co_await asio::this_coro::executor, timeout);
  auto first = co_await (try_open(endpoint, transport.child) || timer.wait());
  if (first.index() == 1) {
    fail_unreachable(endpoint, fmt::format("no answer within {} ms", timeout.count()));
  }
  Opened& opened = std::get<0>(first);
  if (opened.error) throw *opened.error;
  if (!tls) co_return std::move(*opened.socket);
  try {
    auto secured = co_await tls->secure(std::move(*opened.socket), endpoint.host, timeout);
    transport.alert = std::move(secured.alert);
    co_return std::move(secured.socket);
  } catch (const Error& error) {
    throw error.within_file(to_string(endpoint));
  }
}

}  // namespace nn::net
