// Servers of several threads, each with connections and a handler of its own.
#include <boost/asio/post.hpp>
#include <future>
#include <set>
#include <thread>

#include "http_fixture.hpp"

using namespace nn;
using namespace nn::test;

namespace {

class ThreadHandler : public EchoHandler {
 public:
  explicit ThreadHandler(asio::io_context& with) : io(with) {
    prepare = [](http::Exchange& e) {
      e.response().body = fmt::format("{}", std::hash<std::thread::id>()(std::this_thread::get_id()));
    };
  }
  // Answers from another thread, as a device's.
  void handle(http::Exchange& exchange) override {
    if (exchange.head().path != "/device") return EchoHandler::handle(exchange);
    helper = std::async(std::launch::async, [this, own = exchange.shared_from_this()]() mutable {
      asio::post(io, [own = std::move(own)] {
        own->response().body = "computed";
        own->send();
      });
    });
  }
  asio::io_context& io;
  std::future<void> helper;
};

struct Fixture {
  asio::io_context io{1};
  std::vector<ThreadHandler*> handlers;
  http::Server server;

  explicit Fixture(std::size_t threads, http::ServerLimits limits = {})
      : server(io, limits, threads, [this](asio::io_context& its) {
          auto made = std::make_unique<ThreadHandler>(its);
          handlers.push_back(made.get());
          return made;
        }) {}
  // A client whose reads wait.
  UniqueFd connect() {
    auto [ours, theirs] = socket_pair();
    const timeval limit{20, 0};
    ::setsockopt(ours.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    server.come({net::adopt_socket(io, std::move(theirs)), "test", false, true, false});
    return std::move(ours);
  }
  static std::string ask(const UniqueFd& fd, const std::string& request) {
    ::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL);
    std::string answer(4096, '\0');
    answer.resize(
        static_cast<std::size_t>(std::max<ssize_t>(::recv(fd.get(), answer.data(), answer.size(), 0), 0)));
    return answer;
  }
  static std::string body(const std::string& answer) { return answer.substr(answer.find("\r\n\r\n") + 4); }
};

}  // namespace

TEST_CASE("connections are spread over threads, by their number") {
  Fixture f(3);
  std::vector<UniqueFd> clients;
  std::multiset<std::string> threads;
  for (int i = 0; i < 9; ++i) {
    clients.push_back(f.connect());
    threads.insert(Fixture::body(Fixture::ask(clients.back(), get("/"))));
  }
  CHECK(std::set<std::string>(threads.begin(), threads.end()).size() == 3);
  for (const auto& one : threads) CHECK(threads.count(one) == 3);
  CHECK(f.handlers.size() == 3);
  CHECK(Fixture::body(Fixture::ask(clients[0], get("/device"))) == "computed");
  std::promise<void> each;
  std::atomic<int> called = 0;
  f.server.in_each_thread([&](http::Handler&) {
    if (++called == 3) each.set_value();
  });
  each.get_future().wait();
  bool drained = false;
  f.server.drain([&] { drained = true; });
  clients.clear();
  while (!drained) {
    f.io.restart();
    f.io.run_one();
  }
  CHECK(f.server.connections() == 0);
}

TEST_CASE("the limit of connections is that of all threads") {
  http::ServerLimits limits;
  limits.connections = 2;
  Fixture f(2, limits);
  const auto first = f.connect();
  CHECK(Fixture::ask(first, get("/")).starts_with("HTTP/1.1 200"));
  const auto second = f.connect();
  CHECK(Fixture::ask(second, get("/")).starts_with("HTTP/1.1 200"));
  const auto third = f.connect();
  CHECK(Fixture::ask(third, get("/")).starts_with("HTTP/1.1 200"));
  CHECK(f.server.stats().connections_closed_idle == 1);
}

TEST_CASE("a server ends while its clients are connected and requests are computed") {
  Fixture f(2);
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(f.connect());
  for (const auto& client : clients) CHECK(Fixture::ask(client, get("/")).starts_with("HTTP/1.1 200"));
  f.server.stop();
  char byte = 0;
  for (const auto& client : clients) CHECK(::recv(client.get(), &byte, 1, 0) == 0);
}
