#include "net/listeners.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <iterator>

#include "base/log.hpp"
#include "net/no_throw.hpp"

namespace nn::net {
namespace {

constexpr std::chrono::milliseconds tls_timeout{10'000};
constexpr std::chrono::milliseconds pause_without_descriptors{100};
constexpr std::size_t most_refusals = 16;  // that get through TLS first, at once

// Names the other end of a connection, for logs, and says whether it is of our user or root's.
void look_at_peer(Listeners::Client& client) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  const int fd = client.socket.native_handle();
  client.name = "?";
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return;
  if (address.ss_family == AF_UNIX) {
    ucred who{};
    socklen_t size = sizeof who;
    client.name = "unix";
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return;
    client.name = fmt::format("pid {} uid {}", who.pid, who.uid);
    client.local = who.uid == ::geteuid() || who.uid == 0;
    return;
  }
  char host[64] = {};
  char port[16] = {};
  if (::getnameinfo(reinterpret_cast<sockaddr*>(&address), length, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0) {
    client.name = fmt::format("{}:{}", host, port);
  }
}

// Answers go out at once, and a peer that is gone without a word is found out by the system.
void set_up(Socket& socket) {
  const int on = 1, idle_s = 60, interval_s = 15, tries = 4;
  const int fd = socket.native_handle();
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &tries, sizeof tries);
}

class ListeningSocket : public AcceptingSocket {
 public:
  ListeningSocket(asio::io_context& io, Listening listening)
      : acceptor_(adopt_listener(io, std::move(listening.fd))), file_(std::move(listening.socket)) {}
  asio::awaitable<Accepted> accept() override { co_return co_await acceptor_.async_accept(no_throw); }
  void close() override {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
  }

 private:
  Acceptor acceptor_;
  OwnFile file_;  // of a unix socket
};

// An error of the connection that was to be accepted, which is gone by now: see accept(2).
bool is_of_connection(const boost::system::error_code& error) {
  constexpr int errors[] = {ECONNABORTED, EPROTO, ENOPROTOOPT,  ENETDOWN,  ENETUNREACH,
                            EHOSTDOWN,    ENONET, EHOSTUNREACH, EOPNOTSUPP};
  return error.category() == asio::error::get_system_category() &&
         std::find(std::begin(errors), std::end(errors), error.value()) != std::end(errors);
}

// Worker or inference server: each is asked in its own words.
void check_kind(const Endpoint& endpoint, bool http) {
  if (endpoint.kind == Endpoint::Kind::unix_socket) return;
  const bool listens = endpoint.kind != Endpoint::Kind::ssh && endpoint.kind != Endpoint::Kind::exec;
  if (listens && is_http(endpoint) == http) return;
  throw make_error(ErrorKind::usage, "{}",
                   http ? "an inference server listens on http://, https:// and unix: endpoints"
                        : "a worker listens on tcp://, tls:// and unix: endpoints")
      .within(to_string(endpoint));
}

// Is TLS wanted? Usage error for an endpoint of a kind that isn't this server's.
bool wants_tls(const ListenOptions& options) {
  bool any_tls = options.tls.any();
  for (const auto* list : {&options.listen, &options.admin, &options.metrics}) {
    for (const Endpoint& endpoint : *list) {
      check_kind(endpoint, options.http);
      any_tls = any_tls || is_encrypted(endpoint);
    }
  }
  return any_tls;
}

Tls::Side side_of(const ListenOptions& options) {
  return options.http ? Tls::Side::web_server : Tls::Side::server;
}

}  // namespace

void check(const ListenOptions& options, bool local_only) {
  if (wants_tls(options)) Tls(options.tls, side_of(options));
  for (const Endpoint& endpoint : options.listen) {
    const bool certified = is_encrypted(endpoint) && !options.tls.ca.empty();
    if (local_only && !certified) check_local(endpoint);
  }
}

Listeners::Listeners(asio::io_context& io, ListenOptions options, bool local_only, Events events)
    : io_(io), options_(std::move(options)), events_(std::move(events)) {
  if (wants_tls(options_)) tls_.emplace(options_.tls, side_of(options_));
  // Whoever shows a certificate that we trust isn't anybody.
  const bool certified = tls_ && !options_.tls.ca.empty();
  const auto is_local_only = [&](const Endpoint& endpoint) {
    return local_only && !(certified && is_encrypted(endpoint));
  };
  for (Listening& one : inherited_listeners(local_only && !certified, options_.http)) {
    if (one.endpoint.kind == Endpoint::Kind::tcp) one.endpoint.kind = inherited_kind();
    add(std::move(one), Entrance::everything);
  }
  for (const Endpoint& endpoint : options_.listen)
    add(listen_on(endpoint, is_local_only(endpoint)), Entrance::everything);
  for (const Endpoint& endpoint : options_.admin)
    add(listen_on(endpoint, options_.http || is_local_only(endpoint)), Entrance::administration);
  for (const Endpoint& endpoint : options_.metrics) add(listen_on(endpoint, false), Entrance::metrics);
}

Endpoint::Kind Listeners::inherited_kind() const {
  if (options_.http) return tls_ ? Endpoint::Kind::https : Endpoint::Kind::http;
  return tls_ ? Endpoint::Kind::tls : Endpoint::Kind::tcp;
}

void Listeners::add(Listening listening, Entrance entrance) {
  const int flags = ::fcntl(listening.fd.get(), F_GETFL);
  ::fcntl(listening.fd.get(), F_SETFL, flags | O_NONBLOCK);
  Endpoint endpoint = listening.endpoint;
  add(std::make_unique<ListeningSocket>(io_, std::move(listening)), std::move(endpoint), entrance);
}

void Listeners::add(std::unique_ptr<AcceptingSocket> acceptor, Endpoint endpoint, Entrance entrance) {
  listeners_.push_back({std::move(acceptor), std::move(endpoint), entrance});
}

std::vector<Endpoint> Listeners::endpoints(Entrance entrance) const {
  std::vector<Endpoint> out;
  for (const Listener& listener : listeners_) {
    if (listener.entrance == entrance) out.push_back(listener.endpoint);
  }
  return out;
}

void Listeners::start() {
  for (Listener& listener : listeners_) {
    asio::co_spawn(io_, accept(listener), [this](std::exception_ptr error) {
      if (error) events_.failed(std::move(error));
    });
  }
}

void Listeners::close() {
  closed_ = true;
  for (Listener& listener : listeners_) listener.acceptor->close();
}

void Listeners::renew_certificates() {
  if (tls_) tls_->renew(options_.tls);
}

asio::awaitable<void> Listeners::accept(Listener& listener) {
  Timer pause(io_.get_executor());
  while (!closed_) {
    std::string trouble;
    try {
      auto [error, socket] = co_await listener.acceptor->accept();
      if (error == asio::error::operation_aborted || closed_) co_return;
      if (!error) take(std::move(socket), listener);
      if (!error || is_of_connection(error)) continue;
      trouble = error.message();
    } catch (const std::exception& error) {
      trouble = error.what();
    }
    // Out of descriptors or of memory, most likely: the others go on, and this is tried again.
    if (const auto told = not_accepting_.came()) {
      warn("{}: {}; new clients {}", to_string(listener.endpoint), trouble,
           told->begins ? "wait until that has passed" : "still wait");
    }
    pause.expires_after(pause_without_descriptors);
    co_await pause.wait();
  }
}

void Listeners::take(Socket socket, const Listener& listener) {
  Client client{std::move(socket), {}, listener.entrance == Entrance::administration};
  client.metrics = listener.entrance == Entrance::metrics;
  look_at_peer(client);
  if (listener.endpoint.kind != Endpoint::Kind::unix_socket) set_up(client.socket);
  if (!is_encrypted(listener.endpoint)) {
    events_.come(std::move(client));
  } else if (greeting() >= most_refusals && events_.is_crowded()) {
    events_.rejected(client.name, make_error(ErrorKind::unavailable, "no connection is free"));
  } else {
    asio::co_spawn(io_, secure(std::move(client)), [this](std::exception_ptr failure) {
      if (failure) events_.failed(std::move(failure));
    });
  }
  if (not_accepting_.passed()) warn("{}: clients are accepted again", to_string(listener.endpoint));
}

asio::awaitable<void> Listeners::secure(Client client) {
  try {
    auto secured = co_await greet(std::move(client.socket));
    if (closed_) co_return;
    client.socket = std::move(secured.socket);
    client.tls = true;
    if (!secured.peer.empty()) client.name += " " + secured.peer;
    events_.come(std::move(client));
  } catch (const Error& error) {
    events_.rejected(client.name, error);
  } catch (const std::exception& error) {
    events_.rejected(client.name, Error(ErrorKind::internal, error.what()));
  }
}

// Counts the client for as long as that takes, however it ends.
asio::awaitable<Tls::Secured> Listeners::greet(Socket socket) {
  ++*greeting_;
  const std::shared_ptr<void> count(nullptr, [greeting = greeting_](void*) { --*greeting; });
  co_return co_await tls_->secure(std::move(socket), {}, tls_timeout);
}

}  // namespace nn::net
