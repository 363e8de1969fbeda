// A worker's serving thread without its sockets' files and without time: clients are ends of socket pairs,
// the clock moves when a test says so, and everything runs in the test's thread.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "../manual_clock.hpp"
#include "../serving/fake_servable.hpp"
#include "catch.hpp"
#include "worker/session.hpp"

namespace nn::test {

// A message that came from the worker.
struct Reply {
  std::string control;
  std::string body;
  const wire::Frame& frame() const { return *flatbuffers::GetRoot<wire::Frame>(control.data()); }
  std::uint64_t id() const { return frame().id(); }
  std::string text() const {
    const auto* failed = frame().message_as<wire::Failed>();
    return failed == nullptr
               ? wire::EnumNameMessage(frame().message_type())
               : std::string(wire::EnumNameCode(failed->code())) + ": " + failed->message()->str();
  }
};

// The other end of a connection.
class Client {
 public:
  explicit Client(UniqueFd fd) : fd_(std::move(fd)) {}

  void send(const protocol::OutgoingFrame& frame) {
    std::string bytes = frame.head;
    frame.body.for_each([&](std::span<const std::byte> part) {
      bytes.append(reinterpret_cast<const char*>(part.data()), part.size());
    });
    send_bytes(bytes);
  }
  void send_bytes(std::string_view bytes) {
    REQUIRE(::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) ==
            static_cast<ssize_t>(bytes.size()));
  }
  protocol::FrameMaker& maker() { return maker_; }

  void hello(const char* token = nullptr) {
    auto& builder = maker_.builder();
    const auto agent = builder.CreateString("test");
    flatbuffers::Offset<flatbuffers::String> secret;
    if (token != nullptr) secret = builder.CreateString(token);
    send(maker_.finish(0, wire::CreateHello(builder, protocol::protocol_version, agent, secret, 1 << 20)));
  }
  void open(std::string_view model, std::uint64_t version = 0, bool keep = false, std::uint32_t stream = 1,
            std::string_view label = {}) {
    const Batch rows = Table().f32("a", {0}).batch();
    rows_.emplace(*rows.schema);
    auto& builder = maker_.builder();
    const auto name = builder.CreateString(model), its_label = builder.CreateString(label);
    send(maker_.finish(1000, wire::CreateOpen(builder, stream, name, version, keep, its_label),
                       rows_->take()));
  }
  void predict(std::uint64_t id, std::vector<float> a, std::uint64_t deadline_us = 0,
               std::uint32_t stream = 1) {
    rows_->write(Table().f32("a", a).batch());
    auto& builder = maker_.builder();
    send(maker_.finish(id, wire::CreatePredict(builder, stream, deadline_us), rows_->take()));
  }
  void query(std::uint64_t id, wire::What what) {
    send(maker_.finish(id, wire::CreateQuery(maker_.builder(), what)));
  }
  void load(std::uint64_t id, std::string_view model, std::uint64_t version) {
    const auto name = maker_.builder().CreateString(model);
    send(maker_.finish(id, wire::CreateLoad(maker_.builder(), name, version)));
  }
  void cancel(std::uint64_t id) { send(maker_.finish(id, wire::CreateCancel(maker_.builder()))); }

  // What has come since the last call.
  std::vector<Reply> take() {
    char bytes[65536];
    for (ssize_t n; (n = ::recv(fd_.get(), bytes, sizeof bytes, MSG_DONTWAIT)) >= 0;) {
      if (n == 0) {
        ended_ = true;
        break;
      }
      input_.append(bytes, static_cast<std::size_t>(n));
    }
    std::vector<Reply> replies;
    while (input_.size() >= 24) {
      std::uint32_t control = 0;
      std::uint64_t body = 0;
      std::memcpy(&control, input_.data() + 4, sizeof control);
      std::memcpy(&body, input_.data() + 8, sizeof body);
      if (input_.size() < 24 + control + body) break;
      replies.push_back({input_.substr(24, control), input_.substr(24 + control, body)});
      input_.erase(0, 24 + control + body);
    }
    return replies;
  }
  // Their texts, for comparing.
  std::vector<std::string> texts() {
    std::vector<std::string> out;
    for (const Reply& reply : take()) out.push_back(reply.text());
    return out;
  }
  bool ended() {
    take();
    return ended_;
  }
  void hang_up() { fd_.reset(); }

 private:
  UniqueFd fd_;
  protocol::FrameMaker maker_;
  std::optional<format::MessageWriter> rows_;
  std::string input_;
  bool ended_ = false;
};

class WorkerFixture {
 public:
  ManualClock clock;
  asio::io_context io{1};
  worker::WorkerOptions options;
  serving::EventLog log{""};
  serving::CatalogHolder catalog;
  std::shared_ptr<FakeServable> model = std::make_shared<FakeServable>();
  std::optional<serving::Batcher> batcher;
  std::optional<serving::Loader> loader;
  std::optional<worker::Service> service;

  WorkerFixture() {
    net::set_clock(io, clock);
    clock.between([this] { run(); });
    serve({model});
  }
  ~WorkerFixture() {
    model->release();
    batcher.reset();
    service.reset();
  }

  // After the options are as they should be.
  void start() {
    batcher.emplace(serving::BatcherOptions{.limits = {.queue_bytes = options.max_memory}}, clock);
    loader.emplace(
        serving::LoaderOptions{}, log, catalog, [] {}, clock);
    service.emplace(io, options, catalog, *loader, *batcher, log);
    service->on_change = [this] { ++changes; };
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
    catalog.set(std::make_shared<const serving::Catalog>(
        serving::Catalog{serving::SnapshotMap<serving::ModelEntry>(std::move(models))}));
  }
  std::unique_ptr<Client> connect(bool admin = true) {
    if (!service) start();
    auto [ours, theirs] = socket_pair();
    const auto session = std::make_shared<worker::Session>(*service, net::adopt_socket(io, std::move(theirs)),
                                                           worker::Origin{"test", admin});
    service->sessions.insert(session);
    asio::co_spawn(io, session->run(), [](const std::exception_ptr& error) {
      if (error) std::rethrow_exception(error);
    });
    auto client = std::make_unique<Client>(std::move(ours));
    run();
    return client;
  }
  // A client that has greeted and opened a stream.
  std::unique_ptr<Client> connected(std::string_view name = "m", std::uint64_t version = 0,
                                    bool keep = false) {
    auto client = connect();
    client->hello();
    client->open(name, version, keep);
    run();
    CHECK(client->texts() == std::vector<std::string>{"Welcome", "Opened"});
    return client;
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
  // Until so many requests that the batcher had are back.
  void run_until_idle() {
    while (service->inflight > 0) {
      io.restart();
      io.run_one();
    }
    run();
  }
  // As the server does it ten times a second.
  void pass(Clock::duration time) {
    for (const auto end = clock.now() + time; clock.now() < end;) {
      clock.advance(std::min<Clock::duration>(std::chrono::milliseconds(100), end - clock.now()));
      run();
      const auto sessions = service->sessions;
      for (const auto& session : sessions) session->check_time(clock.now());
      run();
    }
  }

  int changes = 0;
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
};

}  // namespace nn::test
