// HTTP/2 as clients use it: requests of REST and of gRPC, streams, cancelling, the end.
#include "catch.hpp"
#include "h2_fixture.hpp"

using namespace nn;
using namespace nn::test;
using namespace std::chrono_literals;

TEST_CASE("a GET over HTTP/2 is answered") {
  H2Fixture at;
  at.greet();
  CHECK(at.reader->settings == 1);
  CHECK(at.reader->settings_acknowledged == 1);
  at.say(headers(1, get("/echo?a=b"), true));
  const StreamAnswer& answer = at.answer(1);
  CHECK(answer.status() == "200");
  CHECK(answer.field("content-type") == "application/json");
  CHECK(answer.field("content-length") == "0");
  CHECK(answer.field("x-path") == "/echo");
  CHECK(answer.field("x-query") == "a=b");
  CHECK(answer.field("x-method") == "GET");
  CHECK(answer.ended);
  CHECK_FALSE(answer.reset);
  CHECK(at.handler.log == std::vector<std::string>{"begin /echo", "done /echo sent"});
  CHECK(at.thread.under_way == 0);
}

TEST_CASE("a POST over HTTP/2 brings its body in pieces") {
  H2Fixture at;
  at.greet();
  at.say(headers(1, post("/echo", {{"content-length", "6"}})));
  at.say(data(1, "abc"));
  CHECK(at.memory.used() > 0);
  at.say(data(1, "def", true));
  CHECK(at.answer(1).data == "abcdef");
  CHECK(at.answer(1).field("content-length") == "6");
  CHECK(at.answer(1).field("date") == "Fri, 15 Jan 2027 08:00:00 GMT");
  CHECK(at.memory.used() == 0);
}

TEST_CASE("an answer to HEAD has its length and no body") {
  H2Fixture at;
  at.greet();
  Pairs fields = get("/big/1000");
  fields[0].second = "HEAD";
  at.say(headers(1, fields, true));
  CHECK(at.answer(1).field("content-length") == "1000");
  CHECK(at.answer(1).data.empty());
  CHECK(at.answer(1).ended);
}

TEST_CASE("a unary call of gRPC") {
  H2Fixture at;
  at.greet();
  at.say(headers(1, grpc("/echo", {{"grpc-timeout", "250m"}})) + data(1, message("hello"), true));
  const StreamAnswer& answer = at.answer(1);
  CHECK(answer.grpc() == "OK hello");
  CHECK(answer.data == message("hello"));
  REQUIRE(answer.heads.size() == 2);
  CHECK(answer.heads[0][0].second == "200");
  CHECK(answer.heads[0][2].second == "application/grpc");
  CHECK(answer.heads[1] == Pairs{{"grpc-status", "0"}});
  CHECK(at.handler.deadline_ms == 250);
  CHECK(at.memory.used() == 0);
  CHECK(at.thread.under_way == 0);
}

TEST_CASE("an error of gRPC is in trailers alone, with a message of any text") {
  H2Fixture at;
  at.greet();
  at.say(headers(1, grpc("/status")) + data(1, message(""), true));
  const StreamAnswer& answer = at.answer(1);
  REQUIRE(answer.heads.size() == 1);
  CHECK(answer.status() == "200");
  CHECK(answer.grpc() == "8 100 %25 full%0A%C3%BC");
  CHECK(answer.field("grpc-retry-pushback-ms") == "200");
  CHECK(answer.field("content-type") == "application/grpc");
}

TEST_CASE("a message may come byte by byte") {
  H2Fixture at;
  at.greet();
  at.say(headers(1, grpc("/echo")));
  for (const char byte : message("hello")) at.say(data(1, std::string(1, byte)));
  at.say(data(1, "", true));
  CHECK(at.answer(1).grpc() == "OK hello");
}

TEST_CASE("a client that cancels frees the work, and the answer goes nowhere") {
  H2Fixture at;
  at.greet();
  at.say(headers(1, grpc("/late")) + data(1, message("x"), true));
  REQUIRE(at.handler.late.size() == 1);
  const auto exchange = at.handler.late[0];
  CHECK(at.thread.under_way == 1);
  at.say(reset(1));
  CHECK(exchange->gone());
  CHECK(dynamic_cast<NotedWork&>(*exchange->work).times_gone == 1);
  CHECK(at.thread.under_way == 1);
  CHECK(std::string(exchange->body()) == "x");
  exchange->send();
  at.run();
  CHECK(at.thread.under_way == 0);
  CHECK(at.handler.log.back() == "done /late lost");
  CHECK(at.answer(1).heads.empty());
  at.say(headers(3, grpc("/echo")) + data(3, message("y"), true));
  CHECK(at.answer(3).grpc() == "OK y");
}

TEST_CASE("work may complete its exchange when it hears that the client is gone") {
  H2Fixture at;
  at.greet();
  at.say(headers(1, grpc("/late")) + data(1, message("x"), true));
  auto exchange = at.handler.late.at(0);
  at.handler.late.clear();
  dynamic_cast<NotedWork&>(*exchange->work).when_gone = [&] { std::exchange(exchange, nullptr)->send(); };
  at.say(reset(1));
  CHECK(at.thread.under_way == 0);
  CHECK(at.is_open());
}

TEST_CASE("a client that hangs up is gone for all of its requests, which are completed yet") {
  H2Fixture at;
  at.greet();
  for (const std::uint32_t id : {1, 3, 5}) at.send(headers(id, grpc("/late")) + data(id, message("x"), true));
  at.run();
  REQUIRE(at.handler.late.size() == 3);
  at.hang_up();
  at.run();
  for (const auto& exchange : at.handler.late) CHECK(exchange->gone());
  CHECK(at.is_open());  // as long as somebody works for it
  for (const auto& exchange : at.handler.late) exchange->send();
  CHECK_FALSE(at.is_open());
  CHECK(at.thread.under_way == 0);
  CHECK(at.memory.used() == 0);
}

TEST_CASE("answers that come later leave in the order in which they are there") {
  H2Fixture at;
  at.greet();
  for (const std::uint32_t id : {1, 3, 5}) at.send(headers(id, post("/late")) + data(id, "x", true));
  at.run();
  REQUIRE(at.handler.late.size() == 3);
  for (const std::size_t which : {2, 0, 1}) {
    at.handler.late[which]->response().body = std::to_string(which);
    at.handler.late[which]->send();
    at.run();
    CHECK(at.answer(static_cast<std::uint32_t>(1 + 2 * which)).data == std::to_string(which));
  }
}

TEST_CASE("messages of a stream are answered one by one, and it ends behind the last") {
  H2Fixture at;
  at.greet();
  at.say(headers(1, grpc("/stream")));
  at.say(data(1, message("a") + message("b").substr(0, 3)));
  CHECK(at.answer(1).data == message("<a>"));
  at.say(data(1, message("b").substr(3) + message("")));
  CHECK(at.answer(1).data == message("<a>") + message("<b>") + message("<>"));
  CHECK_FALSE(at.answer(1).ended);
  at.say(data(1, "", true));
  CHECK(at.answer(1).ended);
  CHECK(at.answer(1).field("grpc-status") == "0");
  CHECK(at.handler.log == std::vector<std::string>{"begin /stream", "message a", "message b", "message ",
                                                   "half closed", "done /stream sent"});
}

TEST_CASE("a handler may end a stream before the client does") {
  H2Fixture at;
  at.greet();
  at.say(headers(1, grpc("/stream")) + data(1, message("a") + message("end") + message("c")));
  CHECK(at.answer(1).data == message("<a>"));
  CHECK(at.answer(1).ended);
  CHECK(at.answer(1).field("grpc-status") == "10");
  CHECK(at.answer(1).reset == NGHTTP2_NO_ERROR);
  CHECK(at.handler.log.back() == "done /stream sent");
}

TEST_CASE("a stream's messages are not taken while too many wait for their answers") {
  http::ServerLimits limits;
  limits.pipelined = 2;
  H2Fixture at(limits);
  at.greet();
  at.say(headers(1, grpc("/stream/late")) +
         data(1, message("a") + message("b") + message("c") + message("d"), true));
  CHECK(at.handler.log == std::vector<std::string>{"begin /stream/late", "message a", "message b"});
  const auto exchange = at.handler.late.at(0);
  exchange->response().body = "1";
  exchange->send_message();
  at.run();
  CHECK(at.handler.log.back() == "message c");
  exchange->response().body = "2";
  exchange->send_message();
  exchange->response().body = "3";
  exchange->send_message();
  at.run();
  CHECK(at.handler.log.back() == "half closed");
  exchange->send();
  at.run();
  CHECK(at.answer(1).data == message("1") + message("2") + message("3"));
  CHECK(at.answer(1).field("grpc-status") == "0");
}

TEST_CASE("a paused stream's window stays closed, and opens when it goes on") {
  http::ServerLimits limits;
  limits.pipelined = 1;
  H2Fixture at(limits);
  at.handler.limit = 4 << 20;
  at.greet();
  at.say(headers(1, grpc("/stream/late")) + data(1, message("a")));
  std::string rest = message(std::string(1'000'000, 'z'));
  for (std::size_t i = 0; i < rest.size(); i += 16384)
    at.say(data(1, std::string_view(rest).substr(i, 16384)));
  CHECK(at.reader->windows[1] == 0);
  CHECK(at.reader->connection_window > 65535);
  const auto exchange = at.handler.late.at(0);
  exchange->send_message();
  at.run();
  CHECK(at.handler.log.back().size() == 1'000'008);
  CHECK(at.reader->windows[1] > 0);
  at.say(data(1, "", true));
  exchange->send();
  at.run();
  CHECK(at.answer(1).ended);
}

TEST_CASE("a handler that throws has answered with an internal error") {
  H2Fixture at;
  at.greet();
  at.say(headers(1, grpc("/throw")) + data(1, message(""), true));
  CHECK(at.answer(1).grpc() == "13 it is broken");
  at.say(headers(3, grpc("/memory")) + data(3, message(""), true));
  CHECK(at.answer(3).field("grpc-status") == "13");
  at.say(headers(5, post("/throw"), true));
  CHECK(at.answer(5).status() == "500");
  CHECK(at.answer(5).data == R"({"error":"it is broken"})");
  at.say(headers(7, grpc("/stream")) + data(7, message("a") + message("throw") + message("b")));
  CHECK(at.answer(7).data == message("<a>"));
  CHECK(at.answer(7).field("grpc-status") == "13");
  CHECK(at.answer(7).field("grpc-message") == "it is broken");
  CHECK(at.thread.under_way == 0);
}

TEST_CASE("what a handler refuses by its head is answered without the body") {
  H2Fixture at;
  at.greet();
  at.say(headers(1, post("/refused")) + data(1, "abc"));
  CHECK(at.answer(1).status() == "403");
  CHECK(at.answer(1).data == "no");
  at.say(headers(3, grpc("/refused")));
  CHECK(at.answer(3).grpc() == "7 no");
  CHECK(at.handler.log == std::vector<std::string>{"begin /refused", "done /refused sent", "begin /refused",
                                                   "done /refused sent"});
  CHECK(at.is_open());
}

// curl 7.88 forgets an answer when its stream is reset before it has sent its body.
TEST_CASE(
    "a client that is answered early, but one of gRPC, may send its body for a while before its stream is "
    "reset") {
  struct Early {
    std::string bytes;
    bool reset_at_once = false;
    bool is_long = false;
  };
  const Early cases[] = {{headers(1, post("/refused", {{"content-length", "5"}}))},
                         {headers(1, post("/refused"))},
                         {headers(1, post("/echo", {{"content-length", "9999999"}})), false, true},
                         {headers(1, post("/echo", {{"content-encoding", "br"}}))},
                         {headers(1, grpc("/refused")), true},
                         {headers(1, grpc("/echo")) + data(1, message("a", 3)), true},
                         {headers(1, grpc("/stream")) + data(1, message("end")), true},
                         {headers(1, grpc("/stream", {{"grpc-timeout", "x"}})), true}};
  for (const Early& early : cases) {
    for (const bool rest_comes : {false, true}) {
      if (rest_comes && early.is_long) continue;
      INFO(early.bytes);
      H2Fixture at;
      at.greet();
      at.say(early.bytes);
      REQUIRE(at.answer(1).ended);
      CHECK(at.answer(1).reset.has_value() == early.reset_at_once);
      if (early.reset_at_once) continue;
      const std::size_t told = at.handler.log.size();
      at.advance(1s);
      at.say(data(1, "hello", rest_comes));
      CHECK_FALSE(at.answer(1).reset);
      at.advance(2s);
      CHECK(at.answer(1).reset.has_value() == !rest_comes);
      CHECK(at.answer(1).reset.value_or(NGHTTP2_NO_ERROR) == NGHTTP2_NO_ERROR);
      CHECK(at.thread.under_way == 0);
      CHECK(at.handler.log.size() == told);
      CHECK(at.is_open());
    }
  }
}

TEST_CASE("a client that waits for leave to send a body gets it") {
  H2Fixture at;
  at.greet();
  at.say(headers(1, post("/echo", {{"expect", "100-continue"}})));
  CHECK(at.answer(1).status() == "100");
  at.say(data(1, "x", true));
  CHECK(at.answer(1).status() == "200");
  CHECK(at.answer(1).data == "x");
}

TEST_CASE("a large answer goes as the client's windows allow") {
  H2Fixture at;
  at.greet();
  at.say(headers(1, get("/big/200000"), true));
  CHECK(at.answer(1).data.size() == 65535);
  at.say(window(0, 1 << 20));
  CHECK(at.answer(1).data.size() == 65535);
  at.say(window(1, 1 << 20));
  CHECK(at.answer(1).data.size() == 200'000);
  CHECK(at.answer(1).ended);
}

TEST_CASE("bodies take from the memory that there is for all of them") {
  http::ServerLimits limits;
  limits.request_bytes = 100'000;
  H2Fixture at(limits);
  at.greet();
  at.say(headers(1, grpc("/echo")) + data(1, message(std::string(90'000, 'a')).substr(0, 16384)));
  for (int i = 0; i < 4; ++i) at.say(data(1, std::string(16384, 'a')));
  at.say(headers(3, grpc("/echo")) + data(3, message(std::string(16000, 'b')).substr(0, 16000)));
  CHECK(at.answer(3).field("grpc-status") == "8");
  at.say(reset(1));
  CHECK(at.memory.used() == 0);
  at.say(headers(5, grpc("/echo")) + data(5, message(std::string(16000, 'b')), true));
  CHECK(at.answer(5).grpc() == "OK " + std::string(16000, 'b'));
}

TEST_CASE("an exchange is used again, with the work that its handler keeps there") {
  H2Fixture at;
  at.greet();
  at.say(headers(1, grpc("/late")) + data(1, message("x"), true));
  const http::Exchange* const first = at.handler.late.at(0).get();
  const http::Work* const work = first->work.get();
  at.handler.late[0]->response().body = "one";
  at.handler.late[0]->send();
  at.handler.late.clear();
  at.run();
  at.say(headers(3, post("/late"), true));
  CHECK(at.handler.late.at(0).get() == first);
  CHECK(first->work.get() == work);
  CHECK_FALSE(first->head().grpc);
  CHECK(first->body().empty());
  CHECK_FALSE(first->gone());
}
