// What a connection of HTTP/1.1 does besides plain requests: forms of requests, ends, and slow clients.
#include "deflated.hpp"
#include "http_fixture.hpp"

using namespace nn;
using namespace nn::test;
using namespace std::chrono_literals;

TEST_CASE("forms that requests may have") {
  const struct {
    const char* what;
    std::string bytes, body;
  } cases[] = {
      {"a query", get("/a?b=c?d"), "GET /a "},
      {"a fragment", get("/a#b"), "GET /a "},
      {"an empty query", get("/a?"), "GET /a "},
      {"an address", get("http://h:80/a?b"), "GET /a "},
      {"an address without a path", get("HTTP://h"), "GET / "},
      {"an address with a query only", get("http://h?b"), "GET  "},
      {"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "OPTIONS * "},
      {"a method nobody knows", "BREW /a HTTP/1.1\r\nHost: h\r\n\r\n", "BREW /a "},
      {"CR and LF in front", "\r\n" + get("/a"), "GET /a "},
      {"an empty host", "GET /a HTTP/1.1\r\nHost:\r\n\r\n", "GET /a "},
      {"a body of GET", "GET /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx", "GET /a x"},
      {"a POST without a length", "POST /a HTTP/1.1\r\nHost: h\r\n\r\n", "POST /a "},
      {"tabs around a value", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length:\t1 \r\n\r\nx", "POST /a x"},
      {"chunks",
       "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
       "Chunked\r\n\r\n3\r\nabc\r\nA;x=\"y\"\r\n0123456789\r\n0\r\n\r\n",
       "POST /a abc0123456789"},
      {"a trailer",
       "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nHost: x\r\n\r\n",
       "POST /a a"},
      {"no chunks", "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "POST /a "},
      {"identity", post("/a", "x", "Content-Encoding: identity\r\n"), "POST /a x"},
      {"gzip", post("/a", gzipped("a text"), "Content-Encoding: gzip\r\n"), "POST /a a text"},
      {"x-gzip", post("/a", gzipped("a text"), "Content-Encoding: x-gzip\r\n"), "POST /a a text"},
      {"gzip in parts",
       post("/a", gzipped("a ") + gzipped("") + gzipped("text"), "Content-Encoding: gzip\r\n"),
       "POST /a a text"},
      {"deflate", post("/a", deflated("a text"), "Content-Encoding: deflate\r\n"), "POST /a a text"},
      {"raw deflate", post("/a", raw_deflated("a text"), "Content-Encoding: deflate\r\n"), "POST /a a text"},
      {"nothing, as gzip", post("/a", gzipped(""), "Content-Encoding: gzip\r\n"), "POST /a "},
      {"gzip in chunks",
       "POST /a HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n" +
           chunk(gzipped("a text")) + "0\r\n\r\n",
       "POST /a a text"},
  };
  for (const auto& c : cases) {
    INFO(c.what);
    HttpFixture f;
    auto client = f.connect();
    const std::string answer = f.ask(client, c.bytes);
    CHECK(status_of(answer) == "200");
    CHECK(answer.substr(answer.find("\r\n\r\n") + 4) == c.body);
    CHECK(answers_in(f.ask(client, get("/next"))) == 1);  // the connection is as it should be
    std::string slow;
    for (const char byte : c.bytes) {
      client.send({&byte, 1});
      f.run();
      slow += client.take();
    }
    CHECK(slow == answer);
  }
}

TEST_CASE("what a handler sees of a head") {
  HttpFixture f;
  f.handler->prepare = [](http::Exchange& e) {
    const http::Head& head = e.head();
    CHECK(head.method == http::Method::post);
    CHECK(head.path == "/a%20b");
    CHECK(head.query == "c=d");
    CHECK(head.fields.find("x-some-name") == "Some Value");
    CHECK(head.fields.find("X-Some-Name") == std::nullopt);
    CHECK(head.content_length == 4);
    REQUIRE(head.deadline);
    CHECK(*head.deadline == head.arrived + 250ms);
    CHECK_FALSE(head.http2);
    CHECK(e.peer().name == "test");
    CHECK(e.peer().local);
    // Parsers may look beyond the end, where nothing of others is.
    CHECK(std::string(e.body().data(), 4 + 64) == "body" + std::string(64, '\0'));
  };
  const std::string bytes =
      post("/a%20b?c=d", "body", "X-SOME-Name:   Some Value \r\nX-Request-Timeout-Ms: 250\r\n");
  const std::string answer = f.ask(bytes);
  CHECK(status_of(answer) == "200");
  CHECK(f.handler->last_in == bytes.size());
  CHECK(f.handler->last_out == answer.size());
}

TEST_CASE("who keeps a connection, and who ends it") {
  const struct {
    const char* what;
    std::string bytes;
    bool ends;
    const char* says;
  } cases[] = {
      {"1.1", get("/"), false, ""},
      {"1.1, close", get("/", "Connection: close\r\n"), true, "close"},
      {"1.1, a list", get("/", "Connection: foo, Close\r\n"), true, "close"},
      {"1.1, keep-alive", get("/", "Connection: keep-alive\r\n"), false, ""},
      {"1.0", "GET / HTTP/1.0\r\n\r\n", true, "close"},
      {"1.0, keep-alive", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false, "keep-alive"},
      {"1.1, upgrade",
       get("/", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"), false, ""},
  };
  for (const auto& c : cases) {
    INFO(c.what);
    HttpFixture f;
    auto client = f.connect();
    const std::string answer = f.ask(client, c.bytes);
    CHECK(status_of(answer) == "200");
    CHECK(client.ended == c.ends);
    CHECK((answer.find(fmt::format("Connection: {}\r\n", c.says)) != std::string::npos) == (*c.says != '\0'));
    CHECK(answers_in(f.ask(client, get("/"))) == (c.ends ? 0 : 1));
  }
}

TEST_CASE("answers to HEAD, and those of some statuses, have no body") {
  HttpFixture f;
  auto client = f.connect();
  CHECK(f.ask(client, "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n") ==
        "HTTP/1.1 200 OK\r\n" DATE "Content-Type: text/plain\r\nContent-Length: 8\r\n\r\n");
  f.handler->prepare = [](http::Exchange& e) { e.response().status = 204; };
  CHECK(f.ask(client, get("/a")) == "HTTP/1.1 204 No Content\r\n" DATE "\r\n");
  f.handler->prepare = [](http::Exchange& e) {
    e.response().status = 799;
    e.response().fields.add("x-echo", "a\r\nInjected: b");
  };
  CHECK(f.ask(client, get("/a")) == "HTTP/1.1 799 Unknown\r\n" DATE
                                    "Content-Type: text/plain\r\nContent-Length: 7\r\nx-echo: a  Injected: "
                                    "b\r\n\r\nGET /a ");
}

TEST_CASE("answers say when they were made") {
  HttpFixture f;
  auto client = f.connect();
  f.pass(999ms);
  CHECK(f.ask(client, get("/a")).find("\r\nDate: Fri, 15 Jan 2027 08:00:00 GMT\r\n") != std::string::npos);
  f.pass(1ms);
  CHECK(f.ask(client, get("/a")).find("\r\nDate: Fri, 15 Jan 2027 08:00:01 GMT\r\n") != std::string::npos);
  constexpr std::pair<std::int64_t, const char*> dates[] = {{0, "Thu, 01 Jan 1970 00:00:00 GMT"},
                                                            {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
                                                            {1709251199, "Thu, 29 Feb 2024 23:59:59 GMT"},
                                                            {1735689599, "Tue, 31 Dec 2024 23:59:59 GMT"}};
  http::DateText text;
  for (const auto& [seconds, date] : dates)
    CHECK(text.at(std::chrono::system_clock::time_point(std::chrono::seconds(seconds))) == date);
}

TEST_CASE("whoever expects to be told to go on is told so, or gets the answer at once") {
  const std::string head = "POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 4\r\n\r\n";
  HttpFixture f;
  auto client = f.connect();
  SECTION("told") {
    CHECK(f.ask(client, head) == "HTTP/1.1 100 Continue\r\n\r\n");
    CHECK(f.ask(client, "body").ends_with("POST /a body"));
    CHECK(status_of(f.ask(client, get("/"))) == "200");
  }
  SECTION("not told where the body is there already") {
    CHECK(status_of(f.ask(client, head + "body")) == "200");
  }
  SECTION("in its turn") {
    f.handler->later = true;
    client.send(get("/1"));
    f.run();
    client.send(head);
    f.run();
    CHECK(client.take().empty());
    f.answer();
    const std::string both = client.take();
    CHECK(both.find("GET /1") < both.find("HTTP/1.1 100 Continue"));
    client.send("body");
    f.run();
    f.answer();
    CHECK(client.take().ends_with("POST /a body"));
  }
  SECTION("refused instead") {
    f.handler->refusal = 401;
    const std::string answer = f.ask(client, head);
    CHECK(status_of(answer) == "401");
    CHECK(answer.find("Connection: close") != std::string::npos);
    CHECK(client.ended);
  }
  SECTION("too large") {
    f.handler->limit = 3;
    CHECK(status_of(f.ask(client, head)) == "413");
  }
  SECTION("HTTP/1.0 has none of that") {
    CHECK(f.ask(client, "POST /a HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n").empty());
    CHECK(status_of(f.ask(client, "body")) == "200");
  }
}

TEST_CASE("a refusal leaves the connection where the body is small, and ends it where it isn't") {
  HttpFixture f;
  f.handler->refusal = 503;
  auto client = f.connect();
  CHECK(status_of(f.ask(client, post("/a", std::string(60'000, 'x')))) == "503");
  CHECK(status_of(f.ask(client, get("/a"))) == "503");
  CHECK_FALSE(client.ended);
  CHECK(answers_in(f.ask(client, post("/a", "x") + post("/b", "y"))) == 2);
  CHECK(status_of(f.ask(client, post("/a", std::string(70'000, 'x')))) == "503");
  CHECK(client.ended);
}

TEST_CASE("what a handler throws is an internal error of that request") {
  HttpFixture f;
  auto client = f.connect();
  std::string answer = f.ask(client, get("/throw"));
  CHECK(status_of(answer) == "500");
  CHECK(answer.ends_with("it throws"));
  answer = f.ask(client, get("/bug"));
  CHECK(status_of(answer) == "500");
  CHECK(answer.ends_with("internal error"));
  CHECK(status_of(f.ask(client, get("/"))) == "200");
}

TEST_CASE("no more requests of a connection are under way than may be") {
  HttpFixture f;
  f.handler->later = true;
  auto client = f.connect();
  std::string all;
  for (int i = 0; i < 40; ++i) all += get(fmt::format("/{}", i));
  client.send(all);
  f.run();
  CHECK(f.handler->waiting.size() == 16);
  client.send(std::string(100'000, 'x'));  // the rest isn't read
  f.run();
  CHECK(f.handler->begun.size() == 16);
  f.answer();
  CHECK(f.handler->begun.size() == 17);
  int answers = answers_in(client.take());
  while (!f.handler->waiting.empty()) {
    f.answer();
    answers += answers_in(client.take());
  }
  CHECK(answers == 41);  // the last for what is no request
  CHECK(f.handler->begun.size() == 40);
}

TEST_CASE("an answer is compressed where that is allowed, asked for and worth it") {
  http::ServerLimits limits;
  limits.compress = true;
  HttpFixture f(limits);
  std::string text = repeated("0.125, ", 200);
  bool may = true;
  f.handler->prepare = [&](http::Exchange& e) {
    e.response().body = text;
    e.response().may_compress = may;
  };
  const auto encoding = [&](std::string_view accepted) {
    const std::string answer = f.ask(get("/", accepted));
    const auto at = answer.find("\r\n\r\n");
    const bool zipped = answer.find("Content-Encoding: gzip\r\n") < at;
    CHECK((answer.find("Vary: Accept-Encoding\r\n") < at) == may);
    CHECK((zipped ? gunzipped(answer.substr(at + 4)) : answer.substr(at + 4)) == text);
    return zipped;
  };
  CHECK(encoding("Accept-Encoding: gzip\r\n"));
  CHECK(encoding("Accept-Encoding: deflate, GZIP;q=0.5, br\r\n"));
  CHECK(encoding("Accept-Encoding: *\r\n"));
  CHECK_FALSE(encoding(""));
  CHECK_FALSE(encoding("Accept-Encoding: br\r\n"));
  CHECK_FALSE(encoding("Accept-Encoding: gzip;q=0\r\n"));
  CHECK_FALSE(encoding("Accept-Encoding: *, gzip; q=0.0\r\n"));
  CHECK_FALSE(encoding("Accept-Encoding: gzipped\r\n"));
  may = false;
  CHECK_FALSE(encoding("Accept-Encoding: gzip\r\n"));
  may = true;
  text = text.substr(0, 1000);
  CHECK_FALSE(encoding("Accept-Encoding: gzip\r\n"));
}
