// Trainings of a server's clients, by programs that behave as a test wants it, on a clock that stands still.
#include <filesystem>

#include "../model/models.hpp"
#include "client/liveness.hpp"
#include "worker_fixture.hpp"

using namespace nn;
using namespace std::chrono_literals;
using client::Liveness;
using test::Client;
using test::WorkerFixture;
using Texts = std::vector<std::string>;

namespace {

// A shell's commands: a line of the log, and then what it does when it is told to stop.
std::string stops(const std::string& when_told) {
  return "trap '" + when_told + "' TERM; echo '{}' >&3; read line";
}

// A worker with a training under way, by these commands.
struct Training {
  test::Scratch scratch;
  WorkerFixture w;
  std::shared_ptr<Client> client;

  explicit Training(const std::string& commands) {
    const std::string program = scratch / "nn-train";
    test::write_bytes(program, "#!/bin/sh\n" + commands + "\n");
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    w.options.train_folder = scratch / ".";
    w.options.drain_timeout = 5s;
    w.start_server();
    w.service->train_program = program;
    client = w.connect();
    client->hello();
    w.run();
    CHECK(client->texts() == Texts{"Welcome"});
    client->train(7, "job");
    w.run_until([&] { return !client->texts().empty(); });
  }
  const protocol::FrameLink& link() const { return (*w.service->sessions.begin())->link(); }
  bool ended() const { return w.service->training == nullptr; }
};

constexpr std::uint64_t most_waiting = 4u << 20;  // bytes for a client, or of its rows

}  // namespace

TEST_CASE("a drain stops the training under way, and waits until it has saved what it has") {
  Training t(stops("echo nn-train: saved >&2; exit 143"));
  t.w.server->drain();
  t.w.run_until([&] { return t.w.server->ended(); });
  CHECK(t.client->texts() == Texts{"Goodbye", "draining: saved"});
  CHECK(t.w.end().empty());
}

TEST_CASE("a training that doesn't stop is lost at the end of the drain") {
  Training t(stops(""));
  t.w.server->drain();
  t.w.pass(4900ms);
  CHECK_FALSE(t.w.server->ended());
  // It is killed when the drain ends, and may be gone before that is noticed: here it isn't.
  t.w.clock.between([] {});
  t.w.pass(200ms);
  t.w.clock.between([&t] { t.w.run(); });
  CHECK(t.w.end() == "requests were under way when --drain-timeout ended");
  t.w.run_until([&] { return t.ended(); });  // it was killed
}

TEST_CASE("a training of a client that hangs up is stopped") {
  Training t(stops("exit 143"));
  t.client->hang_up();
  t.w.run_until([&] { return t.ended(); });
  CHECK(t.w.service->clients == 0);
}

TEST_CASE("a client that takes no lines of its training's log is sent no more, and the training waits") {
  Training t("while :; do echo '{\"epoch\":1}'; done >&3");
  t.client->stop_reading();
  t.w.run_until([&] { return t.link().unsent_bytes() > most_waiting; });
  // What came with the last read is sent, and nothing is read after it.
  const std::uint64_t received = t.link().unsent_bytes();
  CHECK(received < most_waiting + (1u << 20));
  for (int i = 0; i < 1000; ++i) t.w.run();
  CHECK(t.link().unsent_bytes() == received);
  t.w.pass(61s);  // a client that is stuck is closed, and its training stopped
  t.w.run_until([&] { return t.ended(); });
}

TEST_CASE("a client that sends more rows than its training takes is read no further") {
  Training t("echo '{}' >&3; exec sleep 1000");
  const std::uint64_t before = t.link().received_bytes();
  const test::Table table = test::Table().f32("a", std::vector<float>(10'000, 1.0f));
  std::uint64_t sent = 0;
  for (int i = 0; i < 1000 && t.client->try_rows(7, table.batch()); ++i) {
    for (int k = 0; k < 10; ++k) t.w.run();
    sent += 40'000;
  }
  CHECK(sent > most_waiting);
  CHECK(t.link().received_bytes() - before < most_waiting + (1u << 20));
  t.w.server->drain();
  t.w.run_until([&] { return t.ended(); });
}

// The session waited for the training, which nobody else could stop: it had its place for ever.
TEST_CASE("a training that takes no rows is stopped when nothing has come from its client for a minute") {
  Training t("echo '{}' >&3; exec sleep 1000");
  const test::Table table = test::Table().f32("a", std::vector<float>(10'000, 1.0f));
  while (t.client->try_rows(7, table.batch())) {
    for (int k = 0; k < 10; ++k) t.w.run();
  }
  t.client->hang_up();
  t.w.pass(59s);
  CHECK_FALSE(t.ended());
  t.w.pass(2s);
  t.w.run_until([&] { return t.ended(); });
  CHECK(t.w.service->sessions.empty());
}

TEST_CASE("an epoch may be silent for an hour, while its client asks whether the worker lives") {
  Training t(stops("exit 143"));
  const auto hour = [&](bool asks) {
    Liveness liveness(t.w.clock.now());
    auto heard = t.w.clock.now();
    for (int s = 0; s < 3600 && !t.client->ended(); ++s) {
      t.w.pass(1s);
      if (!t.client->take().empty()) heard = t.w.clock.now();
      switch (liveness.look(t.w.clock.now(), heard)) {
        case Liveness::Step::wait: break;
        case Liveness::Step::ask:
          if (asks) t.client->query(1, wire::What::health);
          break;
        case Liveness::Step::give_up: return std::string("given up");
      }
    }
    return std::string(t.client->ended() ? "closed" : "alive");
  };
  CHECK(hour(true) == "alive");
  CHECK_FALSE(t.ended());
  // One that doesn't ask is given up on both sides.
  CHECK(hour(false) == "given up");
  t.w.pass(61s);
  CHECK(t.client->ended());
  t.w.run_until([&] { return t.ended(); });
}
