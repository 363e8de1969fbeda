// Mistakes that the checks of WorkerFixture must find: each is made here once, with what is injected. A check
// that stops working fails its test. None waits for real time.
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "../model/models.hpp"
#include "worker_fixture.hpp"

using namespace nn;
using namespace std::chrono_literals;
using test::Client;
using test::ManualClock;
using test::WorkerFixture;
using Texts = std::vector<std::string>;

namespace {

// Brings requests to the serving thread by its own ways.
class Planted : public serving::Completion {
 public:
  explicit Planted(asio::io_context& io) : io_(io) {}

 protected:
  void deliver(std::shared_ptr<serving::Request> request) {
    asio::post(io_, [request = std::move(request)] { request->completed(); });
  }

 private:
  asio::io_context& io_;
};

// The last first, once there are so many.
class Reversed : public Planted {
 public:
  Reversed(asio::io_context& io, std::size_t count) : Planted(io), count_(count) {}
  void complete(std::span<std::shared_ptr<serving::Request>> requests) override {
    kept_.insert(kept_.end(), requests.begin(), requests.end());
    if (kept_.size() < count_) return;
    for (; !kept_.empty(); kept_.pop_back()) deliver(kept_.back());
  }

 private:
  const std::size_t count_;
  serving::Requests kept_;
};

class Twice : public Planted {
 public:
  using Planted::Planted;
  void complete(std::span<std::shared_ptr<serving::Request>> requests) override {
    for (int i = 0; i < 2; ++i) {
      for (const auto& request : requests) deliver(request);
    }
  }
};

// Wakes the serving thread only where nothing lies there yet, and doesn't see that it was taken away.
class Sleepy : public Planted {
 public:
  using Planted::Planted;
  void complete(std::span<std::shared_ptr<serving::Request>> requests) override {
    const bool wakes = kept_.empty();
    kept_.insert(kept_.end(), requests.begin(), requests.end());
    if (wakes) deliver(kept_.front());
  }

 private:
  serving::Requests kept_;
};

// Nobody hears of what was cancelled.
class Forgetful : public Planted {
 public:
  using Planted::Planted;
  void complete(std::span<std::shared_ptr<serving::Request>> requests) override {
    for (const auto& request : requests) {
      if (request->state != serving::Request::State::cancelled) deliver(request);
    }
  }
};

// Its alarms never ring.
class DeafClock : public ManualClock {
  std::unique_ptr<Alarm> alarm(time_point /*when*/, std::function<void()> /*ring*/) override {
    return std::make_unique<Alarm>();
  }
};

// Has no alarms any more, from some time on.
class BrokenClock : public ManualClock {
 public:
  std::unique_ptr<Alarm> alarm(time_point when, std::function<void()> ring) override {
    if (broken) throw std::bad_alloc();
    return ManualClock::alarm(when, std::move(ring));
  }
  bool broken = false;
};

// Three requests of a client, computed one after the other.
std::shared_ptr<Client> three_requests(WorkerFixture& w) {
  auto client = w.connected();
  w.occupy(*client);
  client->predict(2, {2});
  client->predict(3, {3});
  w.run();
  w.model->release();
  return client;
}

template <typename Completion, typename... Args>
std::shared_ptr<Client> three_requests_by(WorkerFixture& w, Args... args) {
  w.start();
  w.service->completion = std::make_shared<Completion>(w.io, args...);
  return three_requests(w);
}

}  // namespace

TEST_CASE("with nothing planted there is nothing to find") {
  WorkerFixture w;
  const auto client = three_requests(w);
  CHECK(w.faults() == Texts{});
  CHECK(client->values() == std::map<std::uint64_t, std::vector<float>>{{1, {1}}, {2, {2}}, {3, {3}}});
}

TEST_CASE("planted: callbacks in another order are no fault, since each answer has its number") {
  WorkerFixture w;
  const auto client = three_requests_by<Reversed>(w, std::size_t{3});
  CHECK(w.faults() == Texts{});
  CHECK(client->order() == std::vector<std::uint64_t>{3, 2, 1});
  CHECK(client->values() == std::map<std::uint64_t, std::vector<float>>{{1, {1}}, {2, {2}}, {3, {3}}});
}

TEST_CASE("planted: a request that is completed twice") {
  WorkerFixture w;
  three_requests_by<Twice>(w);
  CHECK(w.faults() == Texts{"request 1: sent 1, replies 2", "request 2: sent 1, replies 2",
                            "request 3: sent 1, replies 2", "requests in flight: -3"});
}

TEST_CASE("planted: a wake-up that the serving thread doesn't get") {
  WorkerFixture w;
  three_requests_by<Sleepy>(w);
  CHECK(w.faults() == Texts{"request 2: sent 1, replies 0", "request 3: sent 1, replies 0",
                            "sessions that stay: 1", "requests in flight: 2"});
}

TEST_CASE("planted: a time that comes and is told to nobody") {
  WorkerFixture w(std::make_unique<DeafClock>());
  w.start_server();
  SECTION("a drain with a client that takes no answers") {
    const auto client = w.connected();
    for (std::uint64_t id = 1; id <= 400; ++id) {
      client->query(id, wire::What::stats);
      w.run();
    }
    client->stop_reading();
    CHECK(w.faults() == Texts{"the server has not ended", "sessions that stay: 1"});
  }
  SECTION("a client that doesn't go when it is told to") {
    w.connect();
    CHECK(w.faults() == Texts{"sessions that stay: 1"});
  }
}

TEST_CASE("planted: a cancel whose request is never told of") {
  SECTION("its client waits") {
    WorkerFixture w;
    w.start();
    w.service->completion = std::make_shared<Forgetful>(w.io);
    const auto client = w.connected();
    w.occupy(*client);
    client->predict(2, {2});
    client->cancel(2);
    w.run();
    CHECK(w.faults() ==
          Texts{"request 2: sent 1, replies 0", "sessions that stay: 1", "requests in flight: 1"});
  }
  SECTION("its client is gone") {
    WorkerFixture w;
    w.start();
    w.service->completion = std::make_shared<Forgetful>(w.io);
    const auto client = w.connected(), leaver = w.connected();
    w.occupy(*client);
    leaver->predict(2, {2});
    w.run();
    leaver->hang_up();
    w.run();
    CHECK(w.faults() == Texts{"requests in flight: 1"});
  }
  SECTION("it is a wait of the serving thread") {
    WorkerFixture w;
    w.start();
    net::Timer never(w.io.get_executor());
    asio::co_spawn(
        w.io, [&]() -> asio::awaitable<void> { co_await never.wait(); }, asio::detached);
    CHECK(w.faults() == Texts{"somebody waits"});
  }
}

TEST_CASE("planted: an exception of a session that nobody owns") {
  WorkerFixture w;
  w.start();
  auto [ours, theirs] = socket_pair();
  const auto session = std::make_shared<worker::Session>(
      *w.service, net::adopt_socket(w.io, std::move(theirs)), worker::Origin{"test", true});
  w.service->sessions.insert(session);
  const auto part = [&]() -> asio::awaitable<void> {
    co_await asio::post(w.io, asio::use_awaitable);
    throw std::bad_alloc();
  };
  asio::co_spawn(w.io, part, asio::detached);
  w.run();
  CHECK(w.faults() == Texts{"sessions that stay: 1", "sessions: 1"});
  w.service->sessions.clear();
}

TEST_CASE("an exception in what a server does by itself ends it, and is not swallowed") {
  auto own = std::make_unique<BrokenClock>();
  BrokenClock& clock = *own;
  WorkerFixture w(std::move(own));
  w.start_server();
  clock.broken = true;
  w.pass(200ms);
  REQUIRE(w.server->ended());
  CHECK_THROWS_AS(w.server->check_end(), std::bad_alloc);
  clock.broken = false;
}
