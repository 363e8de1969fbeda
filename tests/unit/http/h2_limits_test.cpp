// What clients of HTTP/2 may take: streams, time, memory; and how connections end.
#include <set>

#include "catch.hpp"
#include "h2_fixture.hpp"

using namespace nn;
using namespace nn::test;
using namespace std::chrono_literals;

namespace {

using Goaways = std::vector<std::pair<std::uint32_t, std::uint32_t>>;
constexpr std::uint32_t any_stream = 0x7fffffff;

std::string call(std::uint32_t id, std::string_view path = "/echo") {
  return headers(id, grpc(path)) + data(id, message("x"), true);
}

}  // namespace

TEST_CASE("a server that drains takes streams until the client knows, answers them, and closes") {
  H2Fixture at;
  at.greet();
  at.say(call(1, "/late"));
  at.thread.busy.front()->drain();
  at.run();
  CHECK(at.reader->goaways == Goaways{{any_stream, NGHTTP2_NO_ERROR}});
  REQUIRE(at.reader->pings.size() == 1);
  at.say(call(3, "/late"));  // was on its way
  REQUIRE(at.handler.late.size() == 2);
  at.say(frame(NGHTTP2_PING, acknowledged, 0, at.reader->pings[0]));
  CHECK(at.reader->goaways == Goaways{{any_stream, NGHTTP2_NO_ERROR}, {3, NGHTTP2_NO_ERROR}});
  at.say(call(5));  // too late: the client asks another server
  CHECK(at.answer(5).heads.empty());
  for (const auto& exchange : at.handler.late) exchange->send();
  at.run();
  CHECK(at.answer(1).grpc() == "OK ");
  CHECK(at.answer(3).grpc() == "OK ");
  CHECK(at.ended);
  at.hang_up();
  at.run();
  CHECK_FALSE(at.is_open());
}

TEST_CASE("a client that does not answer the notice is told after a second") {
  H2Fixture at;
  at.greet();
  at.thread.idle.front()->drain();
  at.run();
  at.advance(1100ms);
  CHECK(at.reader->goaways == Goaways{{any_stream, NGHTTP2_NO_ERROR}, {0, NGHTTP2_NO_ERROR}});
  CHECK(at.ended);
  at.advance(3s);  // it lingers no longer
  CHECK_FALSE(at.is_open());
}

TEST_CASE("an idle connection of HTTP/2 ends after a time, with a word") {
  H2Fixture at;
  at.greet();
  at.say(call(1));
  at.advance(74s);
  at.say(frame(NGHTTP2_PING, 0, 0, "12345678"));  // no request
  CHECK(at.reader->pongs.size() == 1);
  CHECK(at.reader->goaways.empty());
  at.advance(2s);
  CHECK(at.reader->goaways == Goaways{{1, NGHTTP2_NO_ERROR}});
  CHECK(at.ended);
  CHECK(at.stats.connections_closed_idle == 1);
}

TEST_CASE("a connection that says nothing, or half of a head, is closed") {
  SECTION("nothing") {
    H2Fixture at;
    at.advance(11s);
    CHECK(at.ended);
    CHECK(at.stats.timeouts == 1);
  }
  SECTION("half of the preface") {
    H2Fixture at;
    at.say(preface.substr(0, 10));
    at.advance(11s);
    CHECK(at.ended);
  }
  SECTION("half of a head") {
    H2Fixture at;
    at.greet();
    at.say(frame(NGHTTP2_HEADERS, 0, 1, hpack(grpc("/echo"))));
    at.advance(9s);
    CHECK_FALSE(at.ended);
    at.advance(2s);
    CHECK(at.ended);
    CHECK(at.thread.under_way == 0);
  }
}

TEST_CASE("a body that comes too slowly is refused, and the connection goes on") {
  H2Fixture at;
  at.greet();
  at.say(headers(1, post("/echo")) + headers(3, grpc("/echo")) + headers(5, grpc("/stream")));
  for (int i = 0; i < 12; ++i) {
    at.say(data(1, "x") + data(3, message(std::string(100, 'x')).substr(static_cast<std::size_t>(i), 1)));
    at.advance(1s, 1);
  }
  CHECK(at.answer(1).status() == "408");
  CHECK(at.answer(1).data == R"({"error":"the request came too slowly"})");
  CHECK(at.answer(3).field("grpc-status") == "4");
  CHECK(at.stats.timeouts == 2);
  CHECK(at.answer(5).heads.empty());  // between messages there is time
  at.say(call(7));
  CHECK(at.answer(7).grpc() == "OK x");
}

TEST_CASE("a body that came fast has saved up no time to come slowly") {
  H2Fixture at;
  at.greet();
  at.say(headers(1, post("/echo")));
  for (int i = 0; i < 30; ++i) at.say(data(1, std::string(16384, 'x')));
  at.advance(11s, 11);
  CHECK(at.answer(1).status() == "408");
}

TEST_CASE("a client that reads nothing is cut off, and what waits for it is bounded") {
  http::ServerLimits limits;
  limits.streams = 100;
  H2Fixture at(limits);
  at.greet({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 30}});
  at.say(window(0, 1 << 30));
  for (std::uint32_t i = 0; i < 10; ++i) at.send(headers(1 + 2 * i, get("/big/1000000"), true));
  at.run_unread();
  CHECK(at.thread.under_way == 10);
  CHECK(at.thread.busy.front()->bytes() < 200'000);
  for (int i = 0; i < 31; ++i) {
    at.clock.advance(1s);
    const auto busy = at.thread.busy;
    for (const auto& connection : busy) connection->check_time(at.clock.now());
    at.run_unread();
  }
  CHECK_FALSE(at.is_open());
  CHECK(at.thread.under_way == 0);
  CHECK(at.stats.timeouts >= 1);
}

TEST_CASE("an answer whose window stays closed is given up, and the others go on") {
  H2Fixture at;
  at.greet();
  at.say(window(0, 1 << 20) + headers(1, get("/big/200000"), true));
  for (int i = 0; i < 60; ++i) {  // whoever takes something gets time
    at.advance(1s, 1);
    at.say(window(1, 1024));
  }
  CHECK_FALSE(at.answer(1).reset);
  at.advance(29s, 29);
  CHECK_FALSE(at.answer(1).reset);
  at.advance(2s, 2);  // however much it has taken before
  CHECK(at.answer(1).reset == NGHTTP2_CANCEL);
  CHECK(at.handler.log.back() == "done /big/200000 lost");
  at.say(call(3));
  CHECK(at.answer(3).grpc() == "OK x");
}

TEST_CASE("a client of a stream that does not read holds up its own messages, not memory") {
  H2Fixture at;
  at.greet({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0}});
  at.say(headers(1, grpc("/stream")));
  const std::string large = message(std::string(200'000, 'm'));
  std::string sent = large + large + large + large + large + large + large + large;
  for (std::size_t i = 0; i < (1 << 20); i += 16384) at.say(data(1, std::string_view(sent).substr(i, 16384)));
  CHECK(at.handler.log.size() == 6);  // begin, and messages until a megabyte of answers waits
  CHECK(at.thread.busy.front()->bytes() < 4 << 20);
  at.say(window(0, 1 << 30) + window(1, 1 << 30));
  for (std::size_t i = 1 << 20; i < sent.size(); i += 16384)
    at.say(data(1, std::string_view(sent).substr(i, 16384), i + 16384 >= sent.size()));
  CHECK(at.answer(1).ended);
  CHECK(at.answer(1).data.size() == 8 * 200'007);
}

TEST_CASE("messages that wait for others' answers take from the memory that there is for bodies") {
  http::ServerLimits limits;
  limits.pipelined = 1;
  limits.request_bytes = 300'000;
  H2Fixture at(limits);
  at.greet();
  const std::string waiting = message(std::string(16'000, 'm'));
  for (const std::uint32_t id : {1, 3}) at.say(headers(id, grpc("/stream/late")) + data(id, message("a")));
  for (int i = 0; i < 12; ++i) at.say(data(1, waiting));
  CHECK(at.memory.used() >= 12 * waiting.size());
  for (int i = 0; i < 12; ++i) at.say(data(3, waiting));
  CHECK(at.answer(1).heads.empty());
  CHECK(at.answer(3).grpc() == "8 the bodies of requests take all the memory that there is for them");
  at.say(reset(1) + reset(3));
  for (const auto& exchange : at.handler.late) exchange->send();
  at.run();
  CHECK(at.memory.used() == 0);
  CHECK(at.thread.under_way == 0);
}

TEST_CASE(
    "what is worked on when the server has ended is counted no more: nothing of the server is left then") {
  H2Fixture at;
  at.greet();
  at.say(call(1, "/late"));
  REQUIRE(at.handler.late.size() == 1);
  CHECK(at.memory.used() > 0);
  at.thread.busy.front()->abandon();
  CHECK(at.memory.used() == 0);                           // which may end before them
  if (GENERATE(false, true)) at.handler.late[0]->send();  // to nobody
  at.handler.late.clear();
  CHECK(at.memory.used() == 0);
}

TEST_CASE("a client that resets streams as fast as it opens them is told to calm down") {
  H2Fixture at;
  at.greet();
  std::uint32_t id = 1;
  for (int i = 0; i < 200; ++i, id += 2) at.send(headers(id, grpc("/echo")) + reset(id));
  at.run();
  CHECK(at.reader->goaways.empty());
  at.send(headers(id, grpc("/echo")) + reset(id));
  at.run();
  REQUIRE(at.reader->goaways.size() == 1);
  CHECK(at.reader->goaways[0].second == NGHTTP2_ENHANCE_YOUR_CALM);
  CHECK(at.ended);
  CHECK(at.thread.under_way == 0);
}

TEST_CASE("a client that cancels much, and gets answers as well, is no attacker") {
  H2Fixture at;
  at.greet();
  std::uint32_t id = 1;
  for (int i = 0; i < 1000; ++i, id += 4) at.say(call(id) + headers(id + 2, grpc("/echo")) + reset(id + 2));
  CHECK(at.reader->goaways.empty());
  for (int i = 0; i < 300; ++i, id += 2) {
    at.say(headers(id, grpc("/echo")) + reset(id));
    at.advance(100ms, 1);
  }
  CHECK(at.reader->goaways.empty());
}

TEST_CASE("streams that were cancelled count as long as somebody works on them") {
  http::ServerLimits limits;
  limits.streams = 10;
  H2Fixture at(limits);
  at.greet();
  std::uint32_t id = 1;
  for (int i = 0; i < 10; ++i, id += 2) at.say(call(id, "/late") + reset(id));
  CHECK(at.thread.under_way == 10);
  at.say(call(id, "/late"));
  CHECK(at.answer(id).reset == NGHTTP2_REFUSED_STREAM);
  CHECK(at.thread.under_way == 10);
  for (const auto& exchange : at.handler.late) exchange->send();
  at.run();
  at.say(call(id + 2));
  CHECK(at.answer(id + 2).grpc() == "OK x");
}

TEST_CASE("more streams than were allowed are an error of the connection") {
  http::ServerLimits limits;
  limits.streams = 2;
  H2Fixture at(limits);
  at.greet();
  at.say(call(1, "/late") + call(3, "/late") + call(5, "/late"));
  CHECK(at.handler.late.size() == 2);
  CHECK(at.reader->goaways == Goaways{{3, NGHTTP2_PROTOCOL_ERROR}});
}

TEST_CASE("a client that is silent while a stream is open is asked whether it lives") {
  H2Fixture at;
  at.greet();
  at.say(headers(1, grpc("/stream")) + data(1, message("x")));
  at.advance(76s, 76);
  REQUIRE(at.reader->pings.size() == 1);
  at.say(frame(NGHTTP2_PING, acknowledged, 0, at.reader->pings[0]));
  at.advance(76s, 76);
  REQUIRE(at.reader->pings.size() == 2);
  CHECK_FALSE(at.ended);
  at.advance(25s, 25);
  CHECK(at.ended);
  CHECK(at.handler.log.back() == "message x");  // it has not been completed
  CHECK(at.thread.under_way == 1);
}

TEST_CASE("a connection of a certain age is ended, and not all of them at once") {
  std::set<std::int64_t> ages;
  for (unsigned seed = 1; seed < 20; ++seed) {
    http::ServerLimits limits;
    limits.connection_age = 60s;
    limits.idle_timeout = 1000s;
    H2Fixture at(limits, seed);
    at.greet();
    std::int64_t seconds = 0;
    while (at.reader->goaways.empty() && seconds < 100) {
      at.say(call(static_cast<std::uint32_t>(1 + 2 * seconds)));
      at.advance(1s, 1);
      ++seconds;
    }
    CHECK(seconds >= 54);
    CHECK(seconds <= 67);
    ages.insert(seconds);
  }
  CHECK(ages.size() > 3);
}

TEST_CASE("a handler may end the connection with its answer") {
  H2Fixture at;
  at.greet();
  at.say(call(1, "/late"));
  at.handler.late[0]->response().close = true;
  at.handler.late[0]->send();
  at.run();
  CHECK(at.answer(1).grpc() == "OK ");
  REQUIRE(at.reader->goaways.size() == 1);
  CHECK(at.reader->goaways[0].second == NGHTTP2_NO_ERROR);
}

TEST_CASE("a flood of pings that nobody reads the answers of ends the connection") {
  H2Fixture at;
  at.greet();
  std::string pings;
  for (int i = 0; i < 1000; ++i) pings += frame(NGHTTP2_PING, 0, 0, "12345678");
  for (int i = 0; i < 200 && at.is_open(); ++i) {
    at.send(pings);
    at.run_unread();
  }
  CHECK_FALSE(at.is_open());
}
