// A worker's serving thread without its sockets' files and without time: clients are ends of socket pairs,
// the clock moves when a test says so, and everything runs in the test's thread.
#pragma once

#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <csignal>
#include <exception>
#include <future>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "../manual_clock.hpp"
#include "../serving/fake_servable.hpp"
#include "client.hpp"
#include "worker/server.hpp"

namespace nn::test {

class WorkerFixture {
 public:
  std::unique_ptr<ManualClock> own_clock;
  ManualClock& clock = *own_clock;
  asio::io_context io{1};
  worker::WorkerOptions options;
  serving::LoaderOptions loader_options;
  serving::CatalogHolder catalog;
  std::shared_ptr<FakeServable> model = std::make_shared<FakeServable>();
  std::optional<serving::EventLog> log;
  std::optional<serving::Batcher> batcher;
  std::optional<serving::Loader> loader;
  std::optional<worker::Service> service;
  std::optional<worker::Server> server;  // where a test wants more than sessions
  int changes = 0;
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};

  explicit WorkerFixture(std::unique_ptr<ManualClock> its_clock = std::make_unique<ManualClock>())
      : own_clock(std::move(its_clock)) {
    ::signal(SIGPIPE, SIG_IGN);  // as every tool does
    net::set_clock(io, clock);
    clock.between([this] { run(); });
    serve({model});
  }
  WorkerFixture(const WorkerFixture&) = delete;
  // Whatever a test was about, nothing may be left of it.
  ~WorkerFixture() noexcept(false) {
    if (service && !checked_ && std::uncaught_exceptions() == 0)
      CHECK(faults() == std::vector<std::string>{});
    release();
    batcher.reset();
    server.reset();
    service.reset();
  }

  // After the options are as they should be.
  void start() {
    log.emplace(options.log, serving::LogLimits{}, clock);
    batcher.emplace(serving::BatcherOptions{.limits = {.queue_bytes = options.max_memory}}, clock);
    loader.emplace(
        loader_options, *log, catalog, [] {}, clock);
    service.emplace(io, options, catalog, *loader, *log);
    hand_out_batcher();
    service->on_change = [this] { ++changes; };
  }
  void start_server() {
    start();
    server.emplace(*service);
    server->start();
    run();
  }
  // These versions are in service from here on.
  void serve(const std::vector<std::shared_ptr<FakeServable>>& servables) {
    std::map<std::string, serving::ModelEntry, std::less<>> models;
    for (const auto& one : servables) {
      models[one->name()].versions[one->version()] = {serving::VersionState::available, one, {}};
    }
    serve(std::move(models));
  }
  void serve(std::map<std::string, serving::ModelEntry, std::less<>> models) {
    for (const auto& [name, one] : models) {
      for (const auto& [number, version] : one.versions)
        servables_.push_back(std::dynamic_pointer_cast<FakeServable>(version.servable));
    }
    hand_out_batcher();
    catalog.set(std::make_shared<const serving::Catalog>(
        serving::Catalog{serving::SnapshotMap<serving::ModelEntry>(std::move(models))}));
  }

  std::shared_ptr<Client> connect(bool admin = true) {
    if (!service) start();
    if (server) return come({net::Socket(io), "test", admin, false});
    auto [ours, theirs] = socket_pair();
    const auto session = std::make_shared<worker::Session>(*service, net::adopt_socket(io, std::move(theirs)),
                                                           worker::Origin{"test", admin});
    service->sessions.insert(session);
    asio::co_spawn(io, session->run(), [](const std::exception_ptr& error) {
      if (error) std::rethrow_exception(error);
    });
    return client(std::move(ours));
  }
  // A client as listeners bring it, but for its socket.
  std::shared_ptr<Client> come(net::Listeners::Client who) {
    auto [ours, theirs] = socket_pair();
    who.socket = net::adopt_socket(io, std::move(theirs));
    server->come(std::move(who));
    return client(std::move(ours));
  }
  // The client of --stdio.
  std::shared_ptr<Client> attach() {
    auto [ours, theirs] = socket_pair();
    server->attach(net::adopt_socket(io, std::move(theirs)));
    return client(std::move(ours));
  }
  // A client that has greeted and opened a stream.
  std::shared_ptr<Client> connected(std::string_view name = "m", std::uint64_t version = 0,
                                    bool keep = false) {
    auto client = connect();
    greet(*client, name, version, keep);
    return client;
  }
  void greet(Client& client, std::string_view name = "m", std::uint64_t version = 0, bool keep = false) {
    client.hello();
    client.open(name, version, keep);
    run();
    CHECK(client.texts() == std::vector<std::string>{"Welcome", "Opened"});
  }

  // Everything that can be done without waiting.
  void run() {
    io.restart();
    io.poll();
  }
  // The model computes the client's request 1 until it is released.
  void occupy(Client& client) {
    model->hold();
    client.predict(1, {1});
    run();
    model->wait_for_step(1);
  }
  // Until what other threads and processes do has come about.
  template <typename Condition>
  void run_until(Condition condition) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
      io.restart();
      io.run_one_until(limit);
      if (std::chrono::steady_clock::now() >= limit) FAIL("nothing comes any more");
    }
    run();
  }
  // Until another thread, which the serving thread doesn't hear of, has done something.
  template <typename Condition>
  void wait_for(Condition condition) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
      std::this_thread::yield();
      if (std::chrono::steady_clock::now() >= limit) FAIL("nothing comes any more");
    }
  }
  // Until the requests that the batcher had are back.
  void run_until_idle() {
    run_until([this] { return service->inflight <= 0; });
  }
  // Sessions are looked at ten times a second, as the server does it.
  void pass(Clock::duration time, Clock::duration step = std::chrono::milliseconds(100)) {
    if (server) {
      clock.advance(time);
      return run();
    }
    for (const auto end = clock.now() + time; clock.now() < end;) {
      clock.advance(std::min<Clock::duration>(step, end - clock.now()));
      run();
      const auto sessions = service->sessions;
      for (const auto& session : sessions) session->check_time(clock.now());
      run();
    }
  }

  // Why the server ended; empty: as it was told to.
  std::string end() const {
    REQUIRE(server->ended());
    try {
      server->check_end();
    } catch (const std::exception& error) {
      return error.what();
    }
    return "";
  }

  // Lets everything come to its end, and says what hasn't: a sentence each. The worker is of no use
  // afterwards. What waits for ever is found at once, since the time is ours.
  std::vector<std::string> faults() {
    checked_ = true;
    std::vector<std::string> out;
    release();
    compute_all();
    look_at_replies(out);
    if (server) server->drain();
    pass(std::chrono::hours(1), std::chrono::seconds(1));
    if (server && !server->ended()) out.emplace_back("the server has not ended");
    look_at_sessions("sessions that stay", out);
    for (const auto& client : clients_) client->hang_up();
    pass(std::chrono::minutes(1));
    for (int i = 0; i < 10; ++i) run();
    look_at_service(out);
    work.reset();
    run();
    if (!server && !io.stopped()) out.emplace_back("somebody waits");
    return out;
  }

 private:
  void hand_out_batcher() {
    for (const auto& weak : servables_) {
      const auto servable = weak.lock();
      if (servable && batcher) servable->computed_by(&*batcher);
    }
  }
  std::shared_ptr<Client> client(UniqueFd fd) {
    run();
    return clients_.emplace_back(std::make_shared<Client>(std::move(fd)));
  }
  void release() {
    for (const auto& weak : servables_) {
      if (const auto servable = weak.lock()) servable->release();
    }
  }
  // Until the batcher has done what it had: of a client and a model it does things in their order. A request
  // may be told of after another one of its step, but not after one of the next.
  void compute_all() {
    for (int i = 0; i < 2; ++i) {
      run();
      std::promise<void> parsed;
      asio::post(*service->parsers, [&] { parsed.set_value(); });
      parsed.get_future().wait();
      run();
      const auto last = std::make_shared<Last>();
      for (const auto& weak : servables_) {
        const auto servable = weak.lock();
        for (std::uint64_t c = 1; servable && c <= service->stats.connections_total; ++c) {
          auto request = request_of(servable, {0}, c);
          request->completion = last;
          request->arrived = clock.now();
          if (servable->submit(request)) ++last->submitted;
        }
      }
      last->wait();
    }
    run();
  }
  void look_at_replies(std::vector<std::string>& out) {
    for (std::size_t before = 1, now = 0; before != now;) {
      before = now;
      now = 0;
      run();
      for (const auto& client : clients_) {
        client->take();
        for (const auto& [id, request] : client->requests()) now += static_cast<std::size_t>(request.replies);
      }
    }
    for (const auto& client : clients_) {
      for (const auto& [id, request] : client->requests()) {
        const bool missing = client->listens() && request.replies < request.sent;
        if (missing || request.replies > request.sent)
          out.push_back(fmt::format("request {}: sent {}, replies {}", id, request.sent, request.replies));
      }
    }
  }
  static void check_none(std::string_view what, std::int64_t count, std::vector<std::string>& out) {
    if (count != 0) out.push_back(fmt::format("{}: {}", what, count));
  }
  void look_at_sessions(std::string_view what, std::vector<std::string>& out) const {
    check_none(what, static_cast<std::int64_t>(service->sessions.size()), out);
  }
  void look_at_service(std::vector<std::string>& out) const {
    check_none("requests in flight", service->inflight, out);
    check_none("clients", service->clients, out);
    look_at_sessions("sessions", out);
    check_none("trainings", service->training ? 1 : 0, out);
    check_none("bytes of bodies", static_cast<std::int64_t>(service->memory->used()), out);
  }

  // Counts its requests.
  struct Last : serving::Completion {
    void complete(std::span<std::shared_ptr<serving::Request>> requests) override {
      const std::lock_guard lock(mutex);
      done += requests.size();
      changed.notify_all();
    }
    void wait() {
      std::unique_lock lock(mutex);
      const auto limit = std::chrono::system_clock::now() + std::chrono::seconds(20);
      REQUIRE(changed.wait_until(lock, limit, [&] { return done == submitted; }));
    }
    std::size_t submitted = 0;
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t done = 0;
  };

  std::vector<std::weak_ptr<FakeServable>> servables_;
  std::vector<std::shared_ptr<Client>> clients_;
  bool checked_ = false;
};

}  // namespace nn::test
