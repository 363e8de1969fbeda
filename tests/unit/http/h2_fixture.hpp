// A connection of HTTP/2 between a test and a handler of its own, on a clock that stands still.
#pragma once

#include <sys/socket.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "../manual_clock.hpp"
#include "base/file.hpp"
#include "h2_wire.hpp"
#include "http/connection.hpp"

namespace nn::test {

// Keeps with its exchange whether the client has gone.
struct NotedWork : http::Work {
  int times_gone = 0;
  std::function<void()> when_gone;
  void gone() override {
    ++times_gone;
    if (when_gone) when_gone();
  }
};

// Answers what the path says: /echo the body, /late/… when the test wants it, /big/N so many bytes.
class TestHandler : public http::Handler {
 public:
  std::optional<std::uint64_t> begin(http::Exchange& exchange) override;
  void handle(http::Exchange& exchange) override;
  bool is_stream(const http::Head& head) override { return head.path.starts_with("/stream"); }
  void message(http::Exchange& exchange) override;
  void half_closed(http::Exchange& exchange) override;
  void done(http::Exchange& exchange, bool sent) override;
  void refuse(http::Exchange& exchange, http::Refusal& refusal) override;

  std::uint64_t limit = 1 << 20;
  bool ends_gone = false;                             // completes at once what its client has gone from
  std::vector<std::shared_ptr<http::Exchange>> late;  // that wait for the test
  std::vector<std::string> log;                       // "begin /echo", "message abc", "done /echo sent"
  std::string last_body;
  std::int64_t deadline_ms = -1;  // of the last request, from its arrival

 private:
  void note(http::Exchange& exchange);
  void keep(http::Exchange& exchange);
};

class H2Fixture {
 public:
  H2Fixture() : H2Fixture(http::ServerLimits{}) {}
  explicit H2Fixture(const http::ServerLimits& limits, unsigned seed = 1, bool http1 = false);
  ~H2Fixture();

  // Preface and settings, and takes the server's.
  void greet(const std::vector<std::pair<int, std::uint32_t>>& entries = {});
  void send(std::string_view bytes);
  // Runs the server until it has nothing to do, and takes what it has sent.
  void run();
  // The same without reading: a slow client.
  void run_unread();
  void say(std::string_view bytes) {
    send(bytes);
    run();
  }
  void advance(Clock::duration time, int steps = 20);
  void hang_up() { socket.reset(); }
  bool is_open() const { return thread.connections.load() == 1; }
  StreamAnswer& answer(std::uint32_t stream);

  ManualClock clock;
  asio::io_context io{1};
  http::ServerLimits limits;
  http::RequestMemory memory;
  http::ServerStats stats;
  TestHandler handler;
  http::ThreadContext thread;
  UniqueFd socket;
  std::unique_ptr<H2Reader> reader = std::make_unique<H2Reader>();
  bool ended = false;  // the server has closed
  std::string unsent;
};

}  // namespace nn::test
