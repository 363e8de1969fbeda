#include <fmt/ranges.h>

#include "client/row_stream.hpp"
#include "fake_workers.hpp"

using namespace nn;
using namespace std::chrono_literals;
using client::Connection;
using client::RemoteAnswer;
using client::RemoteFailure;
using client::RemoteOutcome;
using client::RowStream;
using test::FakeWorker;
using test::FakeWorkers;
using test::Table;
using test::values_of;
using State = Connection::State;

namespace {

std::unique_ptr<RowStream> open_stream(FakeWorkers& workers, std::string model = "m",
                                       std::uint64_t version = 0, std::string label = "") {
  client::StreamOptions options;
  options.model = std::move(model);
  options.version = version;
  options.label = std::move(label);
  options.table = Table().f32("a", {0}).batch().schema;
  auto stream = std::make_unique<RowStream>(workers.io, workers.connections[0], options, [] {});
  workers.run();
  return stream;
}

// Rows that are sent, and what becomes of them.
struct Sent {
  std::optional<RemoteOutcome> outcome;
  std::uint64_t id = 0;
  int told = 0;
  Sent(RowStream& stream, std::vector<float> rows) {
    id = stream.send(Table().f32("a", rows).batch(), std::nullopt, {}, [this](RemoteOutcome result) {
      outcome = std::move(result);
      ++told;
    });
  }
  std::string text() const {
    if (!outcome) return "nothing";
    if (const auto* failure = std::get_if<RemoteFailure>(&*outcome)) return failure->error.what();
    return fmt::format("{}", fmt::join(values_of(std::get<RemoteAnswer>(*outcome)), " "));
  }
};

}  // namespace

TEST_CASE("many streams share a connection, and answers come in any order") {
  FakeWorkers w(1);
  w.start();
  const auto first = open_stream(w, "m"), second = open_stream(w, "n", 3);
  CHECK(first->state() == State::ready);
  CHECK(w[0].opened_models == std::vector<std::string>{"m", "n"});
  CHECK(w[0].opened_versions == std::vector<std::uint64_t>{0, 3});
  const Sent a(*first, {1, 2}), b(*second, {3}), c(*first, {4});
  w.run();
  REQUIRE(w[0].requests.size() == 3);
  const auto requests = w[0].requests;
  w[0].answer(requests[2]);
  w[0].answer(requests[1], 10);
  w[0].answer(requests[0]);
  w.run();
  CHECK(a.text() == "1 2");
  CHECK(b.text() == "13");
  CHECK(c.text() == "4");
  CHECK(first->outstanding() == 0);
  CHECK(w[0].attempts == 1);
}

TEST_CASE("a stream that ends tells the worker, and what was asked on it is forgotten") {
  FakeWorkers w(1);
  w.start();
  auto stream = open_stream(w);
  const Sent sent(*stream, {1});
  w.run();
  stream.reset();
  w.run();
  CHECK(w[0].closed == std::vector<std::uint32_t>{1});
  w[0].answer_all();
  w.run();
  CHECK(sent.told == 0);
  CHECK(w.connections[0]->state() == State::ready);
}

TEST_CASE("a connection that is lost is made again, with the version that answered first") {
  FakeWorkers w(1);
  w.start();
  const auto stream = open_stream(w);
  const Sent before(*stream, {1});
  w.run();
  w[0].hang_up();
  w.run();
  CHECK(before.text() == "unix:/a: the connection ended");
  CHECK(before.told == 1);
  CHECK(stream->state() == State::connecting);
  CHECK(stream->outstanding() == 0);
  w[0].version = 2;
  w.pass(60ms);
  CHECK(stream->state() == State::ready);
  CHECK(w[0].opened_versions == std::vector<std::uint64_t>{0, 1});
  const Sent after(*stream, {2});
  w.run();
  w[0].answer_all();
  w.run();
  CHECK(after.text() == "2");
}

TEST_CASE("a label is asked for once: another connection asks for the version that it was") {
  FakeWorkers w(1);
  w[0].version = 7;
  w[0].abilities.emplace_back("labels");
  w.start();
  const auto stream = open_stream(w, "m", 0, "stable");
  CHECK(stream->state() == State::ready);
  w[0].hang_up();
  w.run();
  w.pass(60ms);
  CHECK(w[0].opened_labels == std::vector<std::string>{"stable", ""});
  CHECK(w[0].opened_versions == std::vector<std::uint64_t>{0, 7});
  w[0].abilities.pop_back();
  w[0].hang_up();
  w.run();
  w.pass(60ms);
  CHECK(stream->error().what() == std::string("unix:/a: this worker is too old: it knows no labels"));
}

TEST_CASE("a worker that isn't there yet is tried every 50 ms, however long it takes") {
  FakeWorkers w(1);
  w[0].reachable = false;
  w.start();
  const auto stream = open_stream(w);
  w.pass(1s);
  CHECK(w[0].attempts == 21);
  CHECK(stream->state() == State::connecting);
  CHECK(stream->error().what() == std::string("unix:/a: nobody listens"));
  CHECK(stream->last_ready() == Clock::time_point{});
  w[0].reachable = true;
  w.pass(100ms);
  CHECK(stream->state() == State::ready);
  CHECK(stream->last_ready() == w.clock.now());
}

TEST_CASE("a worker that is there and doesn't do its part is given up, and tried again") {
  FakeWorkers w(1);
  SECTION("it doesn't greet") { w[0].greets = false; }
  SECTION("it doesn't open the stream") { w[0].opens = false; }
  w.start();
  const auto stream = open_stream(w);
  w.pass(9900ms);
  CHECK(w[0].attempts == 1);
  w.pass(300ms);
  CHECK(w[0].attempts == 2);
}

TEST_CASE("a silent worker is asked for a sign of life, and lost after twenty seconds without one") {
  FakeWorkers w(1);
  w.start();
  const auto stream = open_stream(w);
  w.pass(10min);
  CHECK(stream->state() == State::ready);
  CHECK(w[0].attempts == 1);
  const Sent sent(*stream, {1});
  w.run();
  w[0].lives = false;
  w.pass(24s);
  CHECK(sent.told == 0);
  w.pass(2s);
  CHECK(sent.told == 1);
}

TEST_CASE("a model that is being loaded is asked for again, one that isn't there is not") {
  FakeWorkers w(1);
  w[0].refuses_to_open = {wire::Code::busy, "being loaded"};
  w.start();
  const auto stream = open_stream(w);
  CHECK(stream->state() == State::connecting);
  w.pass(5s);
  CHECK(w[0].attempts == 1);
  const auto tries = w[0].opened_models.size();
  CHECK((tries >= 5 && tries <= 10));
  CHECK(stream->error().what() == std::string("unix:/a: being loaded"));
  w[0].refuses_to_open.reset();
  w.pass(2s);
  CHECK(stream->state() == State::ready);

  w[0].refuses_to_open = {wire::Code::not_found, "no model 'x'"};
  const auto other = open_stream(w, "x");
  CHECK(other->state() == State::refused);
  CHECK(other->error().what() == std::string("unix:/a: no model 'x'"));
  CHECK(stream->state() == State::ready);
}

TEST_CASE("a worker that ends answers what it has") {
  FakeWorkers w(1);
  w.start();
  const auto stream = open_stream(w);
  const Sent sent(*stream, {7});
  w.run();
  w[0].goodbye();
  w.run();
  CHECK(stream->state() == State::draining);
  w[0].answer_all();
  w[0].hang_up();
  w.run();
  CHECK(sent.text() == "7");
  CHECK(stream->state() == State::connecting);
}

TEST_CASE("a busy worker is left alone for a while that grows") {
  FakeWorkers w(1);
  w.start();
  const auto stream = open_stream(w);
  for (const auto pause : {2ms, 4ms, 8ms}) {
    const Sent sent(*stream, {1});
    w.run();
    w[0].refuse(w[0].requests.at(0).id, wire::Code::busy);
    w.run();
    CHECK(stream->not_before() == w.clock.now() + pause);
  }
}

TEST_CASE("an answer that doesn't fit refuses the stream, bytes that make no sense the connection") {
  FakeWorkers w(1);
  w.start();
  const auto stream = open_stream(w);
  const Sent sent(*stream, {1, 2});
  w.run();
  SECTION("too few rows") {
    auto request = w[0].requests.at(0);
    request.a.pop_back();
    w[0].answer(request);
    w.run();
    CHECK(stream->state() == State::refused);
    CHECK(stream->error().what() == std::string("unix:/a: 2 rows were asked for, 1 answered"));
  }
  SECTION("not a number") {
    w[0].answer_all(NAN);
    w.run();
    CHECK(stream->state() == State::refused);
  }
  SECTION("garbage") {
    w[0].send_bytes("HTTP/1.1 400 Bad Request\r\n\r\n");
    w.run();
    CHECK(stream->state() == State::connecting);
    w.pass(100ms);
    CHECK(stream->state() == State::ready);
  }
  CHECK(sent.told == 1);
  CHECK(std::holds_alternative<RemoteFailure>(*sent.outcome));
}

TEST_CASE("an answer that nobody waits for is read all the same: what follows may refer to it") {
  FakeWorkers w(1);
  w.start();
  const auto stream = open_stream(w);
  const Sent given_up(*stream, {1}), wanted(*stream, {2});
  stream->cancel(given_up.id);
  w.run();
  CHECK(w[0].cancelled == std::vector<std::uint64_t>{given_up.id});
  CHECK(stream->outstanding() == 2);
  w[0].answer_all();
  w.run();
  CHECK(wanted.text() == "2");
  CHECK(stream->outstanding() == 0);
}
