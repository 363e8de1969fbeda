#include "net/listen.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/error.hpp"
#include "base/numbers.hpp"
#include "base/signals.hpp"

namespace nn::net {
namespace {

constexpr int backlog = 512;

struct Address {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

bool is_loopback(const Address& address) {
  if (address.storage.ss_family == AF_UNIX) return true;
  if (address.storage.ss_family == AF_INET) {
    return (ntohl(reinterpret_cast<const sockaddr_in*>(&address.storage)->sin_addr.s_addr) >> 24) == 127;
  }
  return address.storage.ss_family == AF_INET6 &&
         IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6*>(&address.storage)->sin6_addr);
}

// The endpoint that the socket is bound to.
Endpoint bound_to(const Address& address) {
  Endpoint endpoint;
  if (address.storage.ss_family == AF_UNIX) {
    const auto* name = reinterpret_cast<const sockaddr_un*>(&address.storage);
    endpoint.kind = Endpoint::Kind::unix_socket;
    const std::size_t size = address.length - offsetof(sockaddr_un, sun_path);
    endpoint.path.assign(name->sun_path, ::strnlen(name->sun_path, size));
    if (size > 1 && name->sun_path[0] == 0) endpoint.path = "@" + std::string(name->sun_path + 1, size - 1);
    return endpoint;
  }
  char host[INET6_ADDRSTRLEN] = {};
  if (address.storage.ss_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&address.storage);
    ::inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
    endpoint.port = ntohs(v6->sin6_port);
  } else {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&address.storage);
    ::inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
    endpoint.port = ntohs(v4->sin_port);
  }
  endpoint.host = host;
  return endpoint;
}

Address address_of(int fd, const std::string& name) {
  Address address;
  if (::getsockname(fd, address.get(), &address.length) != 0) fail_errno(name);
  return address;
}

void check_local(const Address& address, const std::string& name, bool http) {
  if (is_loopback(address)) return;
  const Error error = make_error(ErrorKind::usage, "anybody on the network could connect").within(name);
  if (http) {
    throw error.advise(
        "; beyond loopback an inference server listens only with --token-file, at https://HOST:PORT with "
        "--tls-ca, or with --allow-anonymous");
  }
  throw error.advise(
      "; beyond loopback a worker listens only with --token-file, or at tls://HOST:PORT with certificates");
}

Address address_to_bind(const Endpoint& endpoint, const std::string& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const bool any = endpoint.host == "*";
  const int error = ::getaddrinfo(any ? nullptr : endpoint.host.c_str(),
                                  std::to_string(endpoint.port).c_str(), &hints, &found);
  if (error != 0) throw Error(ErrorKind::io, ::gai_strerror(error)).within(name);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, &::freeaddrinfo);
  Address address;
  std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
  address.length = found->ai_addrlen;
  return address;
}

Listening listen_tcp(const Endpoint& endpoint, bool local_only) {
  const std::string name = to_string(endpoint);
  const Address address = address_to_bind(endpoint, name);
  if (local_only) check_local(address, name, is_http(endpoint));
  UniqueFd fd(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) fail_errno(name);
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd.get(), address.get(), address.length) != 0 || ::listen(fd.get(), backlog) != 0) {
    // Whoever has the port may soon be gone.
    if (errno == EADDRINUSE) throw Error(ErrorKind::unavailable, std::strerror(errno)).within(name);
    fail_errno(name);
  }
  Endpoint bound = bound_to(address_of(fd.get(), name));
  bound.kind = endpoint.kind;
  return {std::move(fd), std::move(bound), {}};
}

Address unix_address(const std::string& path) {
  Address address;
  auto* name = reinterpret_cast<sockaddr_un*>(&address.storage);
  name->sun_family = AF_UNIX;
  std::memcpy(name->sun_path, path.data(), path.size());
  address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  if (path[0] == '@') {
    name->sun_path[0] = 0;
  } else {
    ++address.length;  // its final zero
  }
  return address;
}

// A socket that a killed worker left behind is in the way of the next one.
void remove_stale(const std::string& path, const Address& address, const std::string& name) {
  struct stat status {};
  if (path[0] == '@' || ::lstat(path.c_str(), &status) != 0) return;
  if (!S_ISSOCK(status.st_mode))
    throw make_error(ErrorKind::io, "there is a file that is not a socket").within(name);
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) fail_errno(name);
  if (::connect(probe.get(), address.get(), address.length) == 0 || errno == EAGAIN) {
    throw make_error(ErrorKind::io, "another process listens there").within(name);
  }
  if (errno == ECONNREFUSED) remove_own(path, stamp_of(status));
}

// Of processes that find a stale socket at the same time one goes first: else the other would remove the
// first one's as soon as it is bound. Ends with the descriptor. Nobody of us has the turn for long: where the
// folder can't be locked, or somebody else keeps it locked, as flock(1) around a worker may, it goes without.
UniqueFd wait_for_turn(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  constexpr int most_tries = 50, pause_ms = 10;
  for (int i = 0; fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK && i < most_tries;
       ++i) {
    ::poll(nullptr, 0, pause_ms);
    throw_if_stopped();
  }
  return fd;
}

Listening listen_unix(const Endpoint& endpoint) {
  const std::string name = to_string(endpoint);
  const Address address = unix_address(endpoint.path);
  const bool has_file = endpoint.path[0] != '@';
  const UniqueFd turn = has_file ? wait_for_turn(endpoint.path) : UniqueFd();
  remove_stale(endpoint.path, address, name);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) fail_errno(name);
  if (::bind(fd.get(), address.get(), address.length) != 0 || ::listen(fd.get(), backlog) != 0) {
    fail_errno(name);
  }
  const auto made = has_file ? stamp_of(endpoint.path) : std::nullopt;
  return {std::move(fd), endpoint, made ? OwnFile(endpoint.path, *made) : OwnFile()};
}

}  // namespace

void check_local(const Endpoint& endpoint) {
  if (endpoint.kind == Endpoint::Kind::unix_socket) return;
  const std::string name = to_string(endpoint);
  check_local(address_to_bind(endpoint, name), name, is_http(endpoint));
}

Listening listen_on(const Endpoint& endpoint, bool local_only) {
  switch (endpoint.kind) {
    case Endpoint::Kind::tcp:
    case Endpoint::Kind::tls:
    case Endpoint::Kind::http:
    case Endpoint::Kind::https: return listen_tcp(endpoint, local_only);
    case Endpoint::Kind::unix_socket: return listen_unix(endpoint);
    default: throw make_error(ErrorKind::usage, "nobody can listen there").within(to_string(endpoint));
  }
}

std::vector<Listening> inherited_listeners(bool local_only, bool http) {
  constexpr int first_fd = 3, most = 64;
  const char* pid = std::getenv("LISTEN_PID");
  const char* count = std::getenv("LISTEN_FDS");
  std::vector<Listening> listeners;
  if (pid == nullptr || count == nullptr || std::to_string(::getpid()) != pid) return listeners;
  const std::int64_t sockets = parse_integer(count);
  ::unsetenv("LISTEN_PID");
  ::unsetenv("LISTEN_FDS");
  ::unsetenv("LISTEN_FDNAMES");
  if (sockets < 1 || sockets > most) fail_usage("LISTEN_FDS is {}", sockets);
  for (int fd = first_fd; fd < first_fd + static_cast<int>(sockets); ++fd) {
    const std::string name = fmt::format("inherited socket {}", fd);
    int listening = 0;
    socklen_t size = sizeof listening;
    if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0) fail_errno(name);
    if (listening == 0) fail(ErrorKind::io, "{} does not listen", name);
    const Address address = address_of(fd, name);
    if (local_only) check_local(address, name, http);
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    listeners.push_back({UniqueFd(fd), bound_to(address), {}});
  }
  return listeners;
}

}  // namespace nn::net
