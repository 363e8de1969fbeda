#include "net/timer.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <optional>
#include <string>

#include "../manual_clock.hpp"
#include "catch.hpp"

using namespace nn;
using namespace std::chrono_literals;

namespace {

struct Context {
  test::ManualClock clock;
  asio::io_context io{1};
  std::string heard;

  Context() {
    net::set_clock(io, clock);
    clock.between([this] { io.poll(), io.restart(); });
  }
  void run() { io.poll(), io.restart(); }
  asio::awaitable<void> wait(net::Timer& timer, char name) { heard += co_await timer.wait() ? name : '-'; }
  void spawn(net::Timer& timer, char name) {
    asio::co_spawn(io, wait(timer, name), asio::detached);
    run();
  }
};

}  // namespace

TEST_CASE("timers of a context go by its clock") {
  Context c;
  net::Timer late(c.io.get_executor(), 60s), soon(c.io.get_executor(), 2s);
  c.spawn(late, 'l');
  c.spawn(soon, 's');
  c.clock.advance(1999ms);
  CHECK(c.heard.empty());
  c.clock.advance(1ms);
  CHECK(c.heard == "s");
  c.clock.advance(1h);
  CHECK(c.heard == "sl");
}

TEST_CASE("a timer that rang before anybody waited doesn't keep them") {
  Context c;
  net::Timer timer(c.io.get_executor(), 1s);
  c.clock.advance(1s);
  c.spawn(timer, 't');
  CHECK(c.heard == "t");
}

TEST_CASE("waits end when a timer is cancelled, set anew or destroyed") {
  Context c;
  net::Timer timer(c.io.get_executor(), 1s);
  c.spawn(timer, 't');
  timer.cancel();
  c.run();
  CHECK(c.heard == "-");
  c.spawn(timer, 't');
  timer.expires_after(5s);
  c.run();
  CHECK(c.heard == "--");
  c.spawn(timer, 't');
  c.clock.advance(4s);
  CHECK(c.heard == "--");
  c.clock.advance(1s);
  CHECK(c.heard == "--t");
  {
    net::Timer gone(c.io.get_executor(), 1s);
    c.spawn(gone, 'g');
  }
  c.run();
  CHECK(c.heard == "--t-");
}

TEST_CASE("a wait that is cancelled after its time, and before it is told, is cancelled") {
  // Both have come when the first is told.
  const auto ways = {+[](std::optional<net::Timer>& timer) { timer->cancel(); },
                     +[](std::optional<net::Timer>& timer) { timer->expires_after(1h); },
                     +[](std::optional<net::Timer>& timer) { timer.reset(); }};
  for (const auto end : ways) {
    asio::io_context io{1};
    const auto when = Clock::machine().now() - 1s;
    net::Timer first(io.get_executor());
    std::optional<net::Timer> second(io.get_executor());
    first.expires_at(when - 1s);
    second->expires_at(when);
    std::string heard;
    first.wait([&](bool expired) {
      heard += expired ? 'f' : '-';
      end(second);
    });
    second->wait([&](bool expired) { heard += expired ? 's' : '-'; });
    io.run_for(1s);
    CHECK(heard == "f-");
  }
}

TEST_CASE("without a clock of its own a context has the machine's") {
  asio::io_context io{1};
  CHECK(&net::clock_of(io) == &Clock::machine());
  bool came = false;
  net::Timer timer(io.get_executor(), 1ms);
  timer.wait([&](bool expired) { came = expired; });
  io.run();
  CHECK(came);
}
