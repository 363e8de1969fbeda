// Where clients come in: accepts connections, takes them through TLS, and hands them over.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "base/error.hpp"
#include "base/lasting_fault.hpp"
#include "net/listen.hpp"
#include "net/socket.hpp"
#include "net/timer.hpp"
#include "net/tls.hpp"

namespace nn::net {

// A listening socket, as far as listeners see it.
class AcceptingSocket {
 public:
  virtual ~AcceptingSocket() = default;
  // The next connection, or why there is none: operation_aborted after close().
  using Accepted = std::tuple<boost::system::error_code, Socket>;
  virtual asio::awaitable<Accepted> accept() = 0;
  // Ends an accept() that waits.
  virtual void close() = 0;
};

// What clients of a listening socket come for.
enum class Entrance : std::uint8_t { everything, administration, metrics };

struct ListenOptions {
  std::vector<Endpoint> listen;
  std::vector<Endpoint> admin;         // where only administrators come in
  std::vector<Endpoint> metrics = {};  // where only metrics and health are told, to anybody, on any network
  TlsFiles tls;                        // for endpoints with tls:// or https://
  bool http = false;                   // a server of HTTP: http:// and https:// in place of tcp:// and tls://
};

// What Listeners would refuse of its endpoints and certificates, without opening a socket; errors as there.
void check(const ListenOptions& options, bool local_only);

// One thread, that of the io_context, which must run no longer than this lives.
class Listeners {
 public:
  struct Client {
    Socket socket;
    std::string name;      // for logs
    bool admin = false;    // came in where only administrators do
    bool local = false;    // a process of this machine and of our user, or root's
    bool tls = false;      // came through TLS
    bool metrics = false;  // came in where only metrics and health are told
  };
  struct Events {
    std::function<void(Client)> come;
    // Is there no room even for telling why? A TLS handshake costs time then.
    std::function<bool()> is_crowded;
    // A client that didn't get through TLS.
    std::function<void(const std::string& name, const Error& error)> rejected;
    // Accepting has ended though nobody closed it.
    std::function<void(std::exception_ptr error)> failed;
  };

  // Opens all endpoints; `local_only` as listen_on() has it.
  Listeners(asio::io_context& io, ListenOptions options, bool local_only, Events events);

  // Another socket that clients come in by; before start().
  void add(std::unique_ptr<AcceptingSocket> acceptor, Endpoint endpoint, Entrance entrance);
  void start();
  void close();
  bool empty() const { return listeners_.empty(); }
  std::vector<Endpoint> endpoints(Entrance entrance = Entrance::everything) const;  // as bound
  // New connections use the certificates that are there now. Throws where they can't be read; the old stay in
  // use.
  void renew_certificates();
  // Connections with bytes that TLS has not sent yet.
  std::size_t open_tls() const { return tls_ ? tls_->open() : 0; }
  // Connections in the handshake of TLS.
  std::size_t greeting() const { return *greeting_; }

 private:
  struct Listener {
    std::unique_ptr<AcceptingSocket> acceptor;
    Endpoint endpoint;
    Entrance entrance;
  };
  Endpoint::Kind inherited_kind() const;  // of sockets that somebody else has bound to a port
  void add(Listening listening, Entrance entrance);
  asio::awaitable<void> accept(Listener& listener);
  void take(Socket socket, const Listener& listener);
  asio::awaitable<void> secure(Client client);
  asio::awaitable<Tls::Secured> greet(Socket socket);

  asio::io_context& io_;
  const ListenOptions options_;
  Events events_;
  std::list<Listener> listeners_;
  std::optional<Tls> tls_;
  std::shared_ptr<std::size_t> greeting_ = std::make_shared<std::size_t>(0);  // its coroutines end later
  LastingFault not_accepting_{clock_of(io_)};
  bool closed_ = false;
};

}  // namespace nn::net
