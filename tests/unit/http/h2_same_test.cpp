// One handler, whichever protocol asks: what HTTP/2 answers to requests of REST is what HTTP/1.1 does. And
// what a call costs.
#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "catch.hpp"
#include "deflated.hpp"
#include "h2_fixture.hpp"
#include "http/h2_memory.hpp"

using namespace nn;
using namespace nn::test;

namespace {

struct Request {
  std::string method, path;
  Pairs fields;
  std::string body;
};

// Status, fields in an order of their own, and body.
std::string over_http1(const http::ServerLimits& limits, const Request& request) {
  H2Fixture at(limits, 1, true);
  std::string text = request.method + " " + request.path + " HTTP/1.1\r\nhost: h\r\n";
  for (const auto& [name, value] : request.fields) text += name + ": " + value + "\r\n";
  if (!request.body.empty()) text += "content-length: " + std::to_string(request.body.size()) + "\r\n";
  at.send(text + "\r\n" + request.body);
  at.run_unread();
  std::string answer;
  std::array<char, 65536> buffer;
  ssize_t size = 0;
  while ((size = ::recv(at.socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0) {
    answer.append(buffer.data(), static_cast<std::size_t>(size));
    at.run_unread();
  }
  if (answer.starts_with("HTTP/1.1 100")) answer.erase(0, answer.find("\r\n\r\n") + 4);
  const std::size_t end = answer.find("\r\n\r\n");
  std::vector<std::string> lines;
  for (std::size_t from = answer.find("\r\n") + 2; from < end;) {
    const std::size_t to = answer.find("\r\n", from), colon = answer.find(':', from);
    for (std::size_t i = from; i < colon; ++i)
      answer[i] = static_cast<char>(std::tolower(static_cast<unsigned char>(answer[i])));
    if (!std::string_view(answer).substr(from).starts_with("connection:"))
      lines.push_back(answer.substr(from, to - from));
    from = to + 2;
  }
  std::sort(lines.begin(), lines.end());
  std::string all = answer.substr(9, 3);
  for (const std::string& line : lines) all += "\n" + line;
  return all + "\n\n" + answer.substr(end + 4);
}

std::string over_http2(const http::ServerLimits& limits, const Request& request) {
  H2Fixture at(limits, 1, true);  // which begins as HTTP/1.1, and finds out by the preface
  at.greet();
  at.say(window(0, 1 << 20) + window(0, 1 << 20));
  Pairs fields = {
      {":method", request.method}, {":scheme", "http"}, {":authority", "h"}, {":path", request.path}};
  fields.insert(fields.end(), request.fields.begin(), request.fields.end());
  if (!request.body.empty()) fields.emplace_back("content-length", std::to_string(request.body.size()));
  at.say(headers(1, fields, request.body.empty()));
  for (std::size_t i = 0; i < request.body.size(); i += 16384)
    at.say(data(1, std::string_view(request.body).substr(i, 16384), i + 16384 >= request.body.size()));
  const StreamAnswer& answer = at.answer(1);
  std::vector<std::string> lines;
  for (const auto& [name, value] : answer.heads.empty() ? Pairs{} : answer.heads.back()) {
    if (name != ":status") lines.push_back(name + ": " + value);
  }
  std::sort(lines.begin(), lines.end());
  std::string all = answer.status();
  for (const std::string& line : lines) all += "\n" + line;
  return all + "\n\n" + answer.data;
}

}  // namespace

TEST_CASE("requests of REST are answered over HTTP/2 as over HTTP/1.1") {
  http::ServerLimits limits;
  limits.compress = true;
  const std::string long_text(5000, 'a');
  const std::vector<Request> requests = {
      {"GET", "/echo", {}, ""},
      {"GET", "/echo?a=b&c=%20", {}, ""},
      {"GET", "/echo#x", {}, ""},
      {"GET", "/echo?a#b?c", {}, ""},
      {"GET", "/v1/models/digits", {{"accept", "*/*"}}, ""},
      {"HEAD", "/big/1000", {}, ""},
      {"POST",
       "/v1/models/digits:predict",
       {{"content-type", "application/json"}},
       R"({"instances":[[1,2]]})"},
      {"POST", "/echo", {{"content-encoding", "br"}}, "abc"},
      {"POST", "/echo", {{"content-encoding", "gzip"}}, "abc"},
      {"POST", "/echo", {{"content-encoding", "gzip"}}, ""},
      {"POST", "/echo", {{"content-encoding", ""}}, "abc"},
      {"GET", "/echo", {{"content-encoding", ""}}, ""},
      {"POST", "/echo", {{"content-encoding", "Identity"}}, "abc"},
      {"POST", "/echo", {{"content-encoding", "GZIP"}}, gzipped("abc")},
      {"POST", "/echo", {{"content-encoding", "gzip"}, {"content-encoding", "gzip"}}, gzipped("abc")},
      {"POST", "/echo", {{"content-encoding", "identity"}, {"content-encoding", "gzip"}}, gzipped("abc")},
      {"POST", "/echo", {{"expect", "100-Continue"}}, "abc"},
      {"POST", "/echo", {{"expect", "100-continue"}}, "abc"},
      {"POST", "/echo", {{"expect", "the unexpected"}}, "abc"},
      {"POST", "/echo", {}, std::string((1 << 20) + 1, 'x')},
      {"POST", "/echo", {{"accept-encoding", "gzip"}}, long_text},
      {"POST", "/compressed", {{"accept-encoding", "br, gzip;q=0.5"}}, long_text},
      {"POST", "/compressed", {{"accept-encoding", "gzip;q=0"}}, long_text},
      {"POST", "/compressed", {{"accept-encoding", "gzip"}}, "short"},
      {"POST", "/compressed", {{"accept-encoding", "br"}, {"accept-encoding", "gzip"}}, long_text},
      {"PUT", "/echo", {}, "abc"},
      {"DELETE", "/echo", {}, ""},
      {"OPTIONS", "*", {}, ""},
      {"PATCH", "/echo", {}, "abc"},
      {"GET", "/refused", {}, ""},
      {"POST", "/throw", {}, "abc"},
      {"POST", "/status", {}, "abc"},
  };
  for (const Request& request : requests) {
    INFO(request.method << " " << request.path);
    CHECK(over_http2(limits, request) == over_http1(limits, request));
  }
}

TEST_CASE(
    "a deadline is a whole number of milliseconds, and anything else is refused over HTTP/2 and HTTP/1.1") {
  struct Case {
    std::vector<std::string> values;
    std::string expected;  // its milliseconds, "for ever", or the error
  };
  const std::string malformed = "X-Request-Timeout-Ms is not a whole number of milliseconds";
  const std::string day = std::to_string(24 * 3600 * 1000);
  const Case cases[] = {{{}, "for ever"},
                        {{"250"}, "250"},
                        {{"0"}, "0"},
                        {{"007"}, "7"},
                        {{day}, day},
                        {{"86400001"}, "for ever"},
                        {{"99999999999999999999"}, "for ever"},
                        {{""}, malformed},
                        {{"soon"}, malformed},
                        {{"250ms"}, malformed},
                        {{"2 50"}, malformed},
                        {{"-1"}, malformed},
                        {{"+1"}, malformed},
                        {{"1.5"}, malformed},
                        {{"1e3"}, malformed},
                        {{"0x10"}, malformed},
                        {{"250", "250"}, "X-Request-Timeout-Ms is there twice"}};
  for (const auto& [values, expected] : cases) {
    for (const bool http1 : {false, true}) {
      INFO(expected << (http1 ? " over HTTP/1.1" : " over HTTP/2"));
      H2Fixture at({}, 1, http1);
      Pairs fields = get("/echo");
      std::string text = "GET /echo HTTP/1.1\r\nhost: h\r\n";
      for (const std::string& value : values) {
        fields.emplace_back("x-request-timeout-ms", value);
        text += "X-Request-Timeout-Ms: " + value + "\r\n";
      }
      if (http1) {
        at.send(text + "\r\n");
        at.run_unread();
      } else {
        at.greet();
        at.say(headers(1, fields, true));
      }
      const std::string& first = at.handler.log.at(0);
      const std::string timeout =
          at.handler.deadline_ms < 0 ? "for ever" : std::to_string(at.handler.deadline_ms);
      CHECK((first == "begin /echo" ? timeout : first) ==
            (expected.starts_with("X-") ? "refuse /echo: " + expected : expected));
    }
  }
}

TEST_CASE("calls of many streams at once are answered, whatever they are cut into") {
  std::mt19937 random(7);
  const auto below = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
  };
  H2Fixture at;
  at.greet({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1000}});
  at.say(window(0, 1 << 30));
  std::uint32_t next = 1;
  for (int round = 0; round < 30; ++round) {
    std::map<std::uint32_t, std::string> sent, rest;
    std::string bytes;
    const std::size_t streams = 1 + below(20);
    for (std::size_t i = 0; i < streams; ++i, next += 2) {
      sent[next] = std::string(below(3) == 0 ? below(40'000) : below(100), static_cast<char>('a' + i));
      rest[next] = message(sent[next]);
      bytes += headers(next, grpc("/echo"));
    }
    while (!rest.empty()) {
      auto at_rest = rest.begin();
      std::advance(at_rest, below(rest.size()));
      const std::size_t size = std::min(1 + below(9000), at_rest->second.size());
      bytes += data(at_rest->first, at_rest->second.substr(0, size), size == at_rest->second.size());
      at_rest->second.erase(0, size);
      if (at_rest->second.empty()) rest.erase(at_rest);
    }
    while (!bytes.empty()) {
      const std::size_t size = std::min(1 + below(5000), bytes.size());
      at.say(std::string_view(bytes).substr(0, size));
      bytes.erase(0, size);
    }
    for (const auto& [id, text] : sent) {
      while (!at.answer(id).ended) {
        const std::size_t before = at.answer(id).data.size();
        at.say(window(id, static_cast<std::uint32_t>(1 + below(5000))));
        REQUIRE((at.answer(id).ended || at.answer(id).data.size() > before));
      }
      CHECK(at.answer(id).grpc() == "OK " + text);
    }
    at.reader->streams.clear();
  }
  CHECK(at.thread.under_way == 0);
  CHECK(at.memory.used() == 0);
}

TEST_CASE("a call takes no memory of the system's once a connection has seen a few") {
  H2Fixture at;
  at.greet();
  std::uint32_t id = 1;
  const auto calls = [&](int count) {
    for (int i = 0; i < count; ++i, id += 2)
      at.say(headers(id, grpc("/echo")) + data(id, message("hello"), true));
    at.reader->streams.clear();
  };
  calls(20);
  const std::uint64_t blocks = http::h2_system_blocks();
  calls(1000);
  CHECK(http::h2_system_blocks() == blocks);
}
