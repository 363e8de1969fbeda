#include "http_fixture.hpp"

using namespace nn;
using namespace nn::test;
using namespace std::chrono_literals;

TEST_CASE("a request is answered in one write, and the connection stays") {
  HttpFixture f;
  auto client = f.connect();
  CHECK(f.ask(client, get("/a?b=c")) == "HTTP/1.1 200 OK\r\n" DATE
                                        "Content-Type: text/plain\r\nContent-Length: 7\r\n\r\nGET /a ");
  CHECK(f.ask(client, post("/b", "body")) ==
        "HTTP/1.1 200 OK\r\n" DATE "Content-Type: text/plain\r\nContent-Length: 12\r\n\r\nPOST /b body");
  CHECK_FALSE(client.ended);
  CHECK(f.server->connections() == 1);
}

TEST_CASE("bytes may come one by one") {
  HttpFixture f;
  auto client = f.connect();
  std::string answer;
  for (const char c : post("/b", "body", "Content-Type: text/plain\r\n")) {
    client.send({&c, 1});
    f.run();
    answer += client.take();
  }
  CHECK(answer.ends_with("POST /b body"));
}

TEST_CASE("pipelined requests are answered in their order, whoever is ready first") {
  HttpFixture f;
  f.handler->later = true;
  auto client = f.connect();
  client.send(get("/1") + post("/2", "two") + get("/3"));
  f.run();
  REQUIRE(f.handler->waiting.size() == 3);
  f.answer(2);
  f.answer(1);
  CHECK(client.take().empty());
  f.answer();
  const std::string all = client.take();
  CHECK(answers_in(all) == 3);
  CHECK(all.find("GET /1") < all.find("POST /2 two"));
  CHECK(all.find("POST /2 two") < all.find("GET /3"));
}

TEST_CASE("a large body is read to where it belongs") {
  HttpFixture f;
  f.handler->limit = 16 << 20;
  const std::string body(9'000'000, 'x');
  const std::string answer = f.ask(post("/b", body));
  CHECK(answer.size() > body.size());
  CHECK(answer.ends_with("x"));
}
