// Connections of HTTP/1.1, HTTP/2 and gRPC on the same ports, over one or several threads.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "http/exchange.hpp"
#include "net/listeners.hpp"

namespace nn::http {

struct ServerLimits {
  std::size_t head_bytes = 8192;  // request line and fields; more is answered 431
  std::uint64_t inflated_bytes = 256u << 20;
  std::int64_t connections = 16384;  // one more closes that which has been idle longest, or is refused
  std::int64_t pipelined = 16;       // requests of a connection that are under way; the next is not read
  std::uint32_t streams = 256;       // of a connection of HTTP/2
  std::uint64_t request_bytes = 512u << 20;  // bodies of all connections; one more is answered 503
  std::chrono::milliseconds head_timeout{10'000};
  std::chrono::milliseconds idle_timeout{75'000};
  std::chrono::milliseconds write_timeout{30'000};
  std::uint64_t body_rate = 1024;               // bytes a second that a body must come with, on average
  std::chrono::milliseconds connection_age{0};  // then it ends after an answer, +-10 %; 0: never
  bool compress = false;                        // answers, where a client asks for it and it is worth it
};

// Counters, for metrics. Any thread may read them.
struct ServerStats {
  std::atomic<std::uint64_t> connections_total{0};        // that came in
  std::atomic<std::uint64_t> connections_refused{0};      // of them: no place was free
  std::atomic<std::uint64_t> connections_closed_idle{0};  // to make a place free, or after the idle timeout
  std::atomic<std::uint64_t> requests_total{0};  // heads that were read, of HTTP/1.1 and streams of HTTP/2
  std::atomic<std::uint64_t> requests_refused{
      0};                                  // answered by Handler::refuse(): heads and bodies that are wrong
  std::atomic<std::uint64_t> timeouts{0};  // heads, bodies and answers that were too slow
};

// Threads: the constructor's and all calls are the thread's that owns `io`, which accepts. Connections live
// in `threads` threads of the server's own, or in `io` where that is 0. Handlers are called there, for each
// thread a handler of its own.
class Server {
 public:
  using MakeHandler = std::function<std::unique_ptr<Handler>(asio::io_context& io)>;
  Server(asio::io_context& io, ServerLimits limits, std::size_t threads, MakeHandler make_handler);
  ~Server();

  // A client has come in (net::Listeners hands it over).
  void come(net::Listeners::Client client);
  // From here on every answer says that the connection ends, idle ones are closed, HTTP/2 gets GOAWAY; `then`
  // is called when no request is under way any more.
  void drain(std::function<void()> then);
  // Closes everything.
  void stop();
  // Calls the function in one of the threads of connections, by its number from 0 on; any thread.
  void in_thread(std::size_t number, std::function<void()> call);
  // Calls the function in each thread of connections.
  void in_each_thread(const std::function<void(Handler&)>& call);

  std::int64_t connections() const;  // now
  std::int64_t requests_under_way() const;
  std::uint64_t request_bytes() const;  // that bodies of requests hold
  const ServerStats& stats() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nn::http
