// A server without listening sockets and without time: clients are ends of socket pairs, the clock moves when
// a test says so, and everything runs in the test's thread.
#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <deque>
#include <set>
#include <string>
#include <vector>

#include "../manual_clock.hpp"
#include "catch.hpp"
#include "http/response_head.hpp"
#include "http/server.hpp"
#include "net/socket.hpp"
#include "net/timer.hpp"

namespace nn::test {

// Answers with what it was asked, at once or when a test says so.
class EchoHandler : public http::Handler {
 public:
  struct Kept : http::Work {
    explicit Kept(int& count) : gone_count(count) {}
    void gone() override { ++gone_count; }
    int& gone_count;
  };

  std::optional<std::uint64_t> begin(http::Exchange& exchange) override {
    begun.emplace_back(exchange.head().path);
    known.insert(&exchange);
    if (!exchange.work) exchange.work = std::make_shared<Kept>(gone);
    if (!refusal) return limit;
    exchange.response().status = *refusal;
    exchange.response().body = "refused";
    return std::nullopt;
  }
  void handle(http::Exchange& exchange) override {
    const http::Head& head = exchange.head();
    if (head.path == "/throw") throw data_error("it throws");
    if (head.path == "/bug") throw std::runtime_error("a bug");
    auto& response = exchange.response();
    response.content_type = "text/plain";
    response.body = fmt::format("{} {} {}", head.method_text, head.path, exchange.body());
    if (prepare) prepare(exchange);
    if (later) {
      waiting.push_back(exchange.shared_from_this());
    } else {
      exchange.send();
    }
  }
  bool is_stream(const http::Head& /*head*/) override { return false; }
  void message(http::Exchange& /*exchange*/) override {}
  void half_closed(http::Exchange& /*exchange*/) override {}
  void done(http::Exchange& exchange, bool sent) override {
    ++(sent ? done_sent : done_unsent);
    CHECK(known.erase(&exchange) == 1);
    last_in = exchange.bytes_in();
    last_out = exchange.bytes_out();
  }
  void refuse(http::Exchange& exchange, http::Refusal& its) override {
    ++refused;
    known.insert(&exchange);
    if (no_memory) throw std::bad_alloc();
    exchange.response().content_type = "text/plain";
    exchange.response().body = fmt::format("{}|{}", exchange.head().path, its.message);
  }

  std::uint64_t limit = 1 << 20;
  std::optional<int> refusal;
  std::function<void(http::Exchange&)> prepare;
  bool later = false;
  bool no_memory = false;  // for saying why a request is refused
  std::deque<std::shared_ptr<http::Exchange>> waiting;
  std::vector<std::string> begun;
  std::set<http::Exchange*> known;  // begun or refused, and not done
  int gone = 0, done_sent = 0, done_unsent = 0, refused = 0;
  std::uint64_t last_in = 0, last_out = 0;
};

// The client's end of a pair of sockets.
class HttpClient {
 public:
  explicit HttpClient(UniqueFd fd) : fd_(std::move(fd)) {}
  // What isn't taken, because the other side doesn't read, is not sent: the number of bytes that were.
  std::size_t send(std::string_view bytes) const {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t n =
          ::send(fd_.get(), bytes.data() + sent, bytes.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n <= 0) break;
      sent += static_cast<std::size_t>(n);
    }
    return sent;
  }
  // What has come. Sets `ended` where the server has ended its side.
  std::string take(std::size_t most = std::string::npos) {
    std::string all;
    char bytes[65536];
    while (all.size() < most) {
      const ssize_t n = ::recv(fd_.get(), bytes, std::min(most - all.size(), sizeof bytes), MSG_DONTWAIT);
      if (n > 0) {
        all.append(bytes, static_cast<std::size_t>(n));
        continue;
      }
      ended = n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
      break;
    }
    return all;
  }
  // The same, and forgets it.
  void drop() const {
    char bytes[65536];
    while (::recv(fd_.get(), bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
    }
  }
  void shut() const { ::shutdown(fd_.get(), SHUT_WR); }
  void hang_up() { fd_.reset(); }
  bool ended = false;

 private:
  UniqueFd fd_;
};

// When the clock begins.
#define DATE "Date: Fri, 15 Jan 2027 08:00:00 GMT\r\n"

class HttpFixture {
 public:
  ManualClock clock;
  asio::io_context io{1};
  http::ServerLimits limits;
  EchoHandler* handler = nullptr;
  std::optional<http::Server> server;

  explicit HttpFixture(http::ServerLimits with = {}) : limits(with) {
    ::signal(SIGPIPE, SIG_IGN);
    net::set_clock(io, clock);
    clock.between([this] { run(); });
    server.emplace(io, limits, 0, [this](asio::io_context&) {
      auto made = std::make_unique<EchoHandler>();
      handler = made.get();
      return made;
    });
  }
  HttpFixture(const HttpFixture&) = delete;
  // Whatever a test was about, nothing is under way at its end, and no memory is counted.
  ~HttpFixture() {
    if (std::uncaught_exceptions() == 0) {
      while (!handler->waiting.empty()) answer();
      CHECK(server->requests_under_way() == 0);
      CHECK(server->request_bytes() == 0);
      CHECK(handler->known.empty());
    }
    server->stop();
    run();
  }

  HttpClient connect() {
    auto [ours, theirs] = socket_pair();
    server->come({net::adopt_socket(io, std::move(theirs)), "test", false, true, false});
    run();
    return HttpClient(std::move(ours));
  }
  // The answer to these bytes, from a client of its own.
  std::string ask(std::string_view bytes) {
    auto client = connect();
    return ask(client, bytes);
  }
  std::string ask(HttpClient& client, std::string_view bytes) {
    std::string all;
    for (std::size_t sent = 0; sent < bytes.size();) {
      const std::size_t n = client.send(bytes.substr(sent));
      sent += n;
      run();
      all += client.take();
      if (n == 0) break;
    }
    for (;;) {
      run();
      const std::string more = client.take();
      if (more.empty()) return all;
      all += more;
    }
  }
  // The one that has waited longest gets its answer.
  void answer(std::size_t index = 0) {
    const auto exchange = handler->waiting[index];
    handler->waiting.erase(handler->waiting.begin() + static_cast<std::ptrdiff_t>(index));
    exchange->send();
    run();
  }
  void run() {
    io.restart();
    io.poll();
  }
  void pass(Clock::duration time) {
    run();
    clock.advance(time);
    run();
  }
};

// "200" of "HTTP/1.1 200 OK…".
inline std::string status_of(std::string_view answer) {
  if (!answer.starts_with("HTTP/1.1 ") || answer.size() < 12) return "";
  return std::string(answer.substr(9, 3));
}
// How many answers there are.
inline int answers_in(std::string_view text) {
  int n = 0;
  for (auto at = text.find("HTTP/1.1 "); at != std::string_view::npos; at = text.find("HTTP/1.1 ", at + 1))
    ++n;
  return n;
}
inline std::string post(std::string_view path, std::string_view body, std::string_view fields = "") {
  return fmt::format("POST {} HTTP/1.1\r\nHost: h\r\n{}Content-Length: {}\r\n\r\n{}", path, fields,
                     body.size(), body);
}
inline std::string get(std::string_view path, std::string_view fields = "") {
  return fmt::format("GET {} HTTP/1.1\r\nHost: h\r\n{}\r\n", path, fields);
}

}  // namespace nn::test
