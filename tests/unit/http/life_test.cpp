// How connections live and end: clients that are slow or gone, limits, drains.
#include <sys/socket.h>

#include "../allocated.hpp"
#include "http_fixture.hpp"

using namespace nn;
using namespace nn::test;
using namespace std::chrono_literals;

TEST_CASE("a head must come within ten seconds, however it drips") {
  HttpFixture f;
  auto client = f.connect();
  SECTION("the first") {
    f.pass(60s);  // nothing is asked yet
    for (int i = 0; i < 9; ++i) {
      client.send("G");
      f.pass(1s);
    }
    CHECK(client.take().empty());
    f.pass(1500ms);
    CHECK(status_of(client.take()) == "408");
    CHECK(client.ended);
  }
  SECTION("another one, while one is computed") {
    f.handler->later = true;
    client.send(get("/1") + "GET");
    f.pass(11s);
    CHECK(client.take().empty());
    f.answer();
    const std::string answers = client.take();
    CHECK(answers_in(answers) == 2);
    CHECK(answers.find("HTTP/1.1 408") != std::string::npos);
  }
  CHECK(f.server->stats().timeouts == 1);
}

TEST_CASE("a body must come with a kibibyte a second, on average") {
  HttpFixture f;
  f.handler->limit = 1 << 20;
  auto client = f.connect();
  const int rate = GENERATE(100, 2000);
  const bool direct = GENERATE(false, true);
  if (direct) {
    client.send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 120000\r\n\r\n");
  } else {
    client.send("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1d4c0\r\n");
  }
  std::string answer;
  for (int s = 0; s < 60 && answer.empty(); ++s) {
    client.send(std::string(static_cast<std::size_t>(rate), 'x'));
    f.pass(1s);
    answer = client.take();
  }
  if (rate < 1024) {
    CHECK(status_of(answer) == "408");
    CHECK(f.server->stats().timeouts == 1);
  } else {
    if (!direct) answer = f.ask(client, "\r\n0\r\n\r\n");
    CHECK(status_of(answer) == "200");
  }
}

TEST_CASE("an answer must be taken") {
  HttpFixture f;
  f.handler->prepare = [](http::Exchange& e) { e.response().body.assign(8 << 20, 'x'); };
  auto client = f.connect();
  client.send(get("/a"));
  f.run();
  std::size_t taken = client.take(100'000).size();
  f.pass(29s);
  CHECK(f.server->connections() == 1);
  SECTION("not at all") {
    f.pass(2s);
    CHECK(f.server->connections() == 0);
    CHECK(f.handler->done_unsent == 1);
  }
  SECTION("by single bytes") {
    for (int i = 0; i < 20; ++i) {
      taken += client.take(1).size();
      f.pass(1s);
    }
    CHECK(f.server->connections() == 0);
  }
  SECTION("slowly, but well") {
    for (int i = 0; i < 60; ++i) {
      taken += client.take(150'000).size();
      f.pass(1s);
    }
    while (const std::size_t n = client.take().size()) {
      taken += n;
      f.run();
    }
    CHECK(taken > 8 << 20);
    CHECK(f.handler->done_sent == 1);
  }
}

TEST_CASE("idle connections are closed after 75 seconds") {
  HttpFixture f;
  auto client = f.connect();
  f.ask(client, get("/"));
  f.pass(74s);
  f.ask(client, get("/"));
  f.pass(74s);
  CHECK(f.server->connections() == 1);
  f.pass(2s);
  client.take();
  CHECK(client.ended);
  CHECK(f.server->connections() == 0);
}

TEST_CASE("one that is computed for long is not idle") {
  HttpFixture f;
  f.handler->later = true;
  auto client = f.connect();
  client.send(get("/"));
  f.pass(1h);
  f.answer();
  CHECK(status_of(client.take()) == "200");
}

TEST_CASE("an old connection ends behind an answer") {
  http::ServerLimits limits;
  limits.connection_age = 60s;
  HttpFixture f(limits);
  auto client = f.connect();
  f.handler->later = true;
  client.send(get("/"));
  f.pass(53s);
  f.answer();
  CHECK(client.take().find("Connection: close") == std::string::npos);
  client.send(get("/") + get("/"));
  f.pass(14s);
  f.answer();
  CHECK(client.take().find("Connection: close") == std::string::npos);
  f.answer();
  CHECK(client.take().find("Connection: close") != std::string::npos);
  CHECK(client.ended);
}

TEST_CASE("a client that hangs up is noticed at once") {
  HttpFixture f;
  f.handler->later = true;
  auto client = f.connect();
  client.send(get("/1") + get("/2"));
  f.run();
  REQUIRE(f.handler->waiting.size() == 2);
  SECTION("both sides") {
    client.hang_up();
    f.run();
    CHECK(f.handler->gone == 2);
    CHECK(f.handler->waiting[0]->gone());
    f.answer();
    f.answer();
    CHECK(f.handler->done_unsent == 2);
    CHECK(f.server->connections() == 0);
  }
  SECTION("its own side: the answers are tried") {
    client.shut();
    f.run();
    CHECK(f.handler->gone == 2);
    f.answer();
    f.answer();
    CHECK(answers_in(client.take()) == 2);
    CHECK(client.ended);
    CHECK(f.handler->done_sent == 2);
  }
}

TEST_CASE("a client that hangs up within a request leaves nothing") {
  HttpFixture f;
  auto client = f.connect();
  client.send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n" + std::string(50'000, 'x'));
  f.run();
  CHECK(f.server->request_bytes() >= 50'000);
  const bool whole = GENERATE(false, true);
  if (whole) {
    client.hang_up();
  } else {
    client.shut();
  }
  f.run();
  CHECK(f.handler->done_unsent == 1);
  CHECK(f.server->connections() == 0);
}

TEST_CASE("bodies take no more memory than there is for them") {
  http::ServerLimits limits;
  limits.request_bytes = 300'000;
  HttpFixture f(limits);
  f.handler->later = true;
  auto first = f.connect(), second = f.connect();
  f.ask(first, post("/a", std::string(200'000, 'x')));
  REQUIRE(f.handler->waiting.size() == 1);
  // Nobody takes memory by saying that more will come.
  f.ask(second, "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nxyz");
  CHECK(f.server->request_bytes() < 270'000);
  const std::string answer = f.ask(second, std::string(200'000, 'x'));
  CHECK(status_of(answer) == "503");
  CHECK(answer.find("retry-after: 1\r\n") != std::string::npos);
  f.answer();
  CHECK(status_of(first.take()) == "200");
  CHECK(f.ask(first, post("/a", std::string(200'000, 'x'))).empty());
}

TEST_CASE("one connection too many makes room, or is refused") {
  http::ServerLimits limits;
  limits.connections = 2;
  HttpFixture f(limits);
  auto first = f.connect(), second = f.connect();
  f.ask(first, get("/"));
  auto third = f.connect();
  second.take();
  CHECK(second.ended);  // idle for longer
  CHECK(status_of(f.ask(third, get("/"))) == "200");
  f.handler->later = true;
  first.send(get("/"));
  third.send(get("/"));
  f.run();
  auto fourth = f.connect();
  const std::string answer = f.ask(fourth, get("/"));
  CHECK(status_of(answer) == "503");
  CHECK(fourth.ended);
  CHECK(f.server->stats().connections_refused == 1);
  f.pass(3s);
  CHECK(f.server->connections() == 2);
  // One that can't be told so is counted as gone once.
  f.handler->no_memory = true;
  auto fifth = f.connect();
  fifth.take();
  CHECK(fifth.ended);
  CHECK(f.server->connections() == 2);
}

TEST_CASE("a connection for which memory runs out as it becomes one of HTTP/2 is counted as gone once") {
  bool failed = true;
  for (std::size_t after = 0; failed; ++after) {
    INFO("after " << after << " allocations");
    REQUIRE(after < 1000);
    HttpFixture f;
    auto client = f.connect();
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string(3, '\0') + "\4" + std::string(5, '\0'));
    {
      const FailingAllocation failing(after);
      f.run();
      failed = failing.failed();
    }
    if (!failed) CHECK(f.server->connections() == 1);
    client.hang_up();
    f.run();
    CHECK(f.server->connections() == 0);
  }
}

TEST_CASE("a drain answers what is under way, and ends") {
  HttpFixture f;
  f.handler->later = true;
  auto busy = f.connect(), idle = f.connect(), recent = f.connect(), half = f.connect();
  f.pass(2s);
  f.handler->later = false;
  f.ask(recent, get("/"));
  f.handler->later = true;
  busy.send(get("/1") + get("/2"));
  half.send("GET / HT");
  f.run();
  bool drained = false;
  f.server->drain([&] { drained = true; });
  f.run();
  idle.take();
  CHECK(idle.ended);
  CHECK_FALSE(drained);
  f.answer();
  CHECK(busy.take().find("Connection: close") == std::string::npos);
  f.answer();
  CHECK(busy.take().find("Connection: close") != std::string::npos);
  CHECK(busy.ended);
  busy.hang_up();
  // One that was used just now may have a request on its way.
  f.handler->later = false;
  CHECK(f.ask(recent, get("/")).find("Connection: close") != std::string::npos);
  CHECK(f.ask(half, "TP/1.1\r\nHost: h\r\n\r\n").find("Connection: close") != std::string::npos);
  f.pass(3s);
  CHECK(drained);
  CHECK(f.server->connections() == 0);
}

TEST_CASE("a drain of nothing is at its end at once") {
  HttpFixture f;
  bool drained = false;
  f.server->drain([&] { drained = true; });
  f.run();
  CHECK(drained);
}

TEST_CASE("requests that are computed when everything stops are let go of") {
  HttpFixture f;
  f.handler->later = true;
  auto client = f.connect();
  client.send(get("/1"));
  f.run();
  f.server->stop();
  const auto exchange = f.handler->waiting[0];
  f.handler->waiting.clear();
  exchange->send();          // to nobody
  f.handler->known.clear();  // those aren't done
}
