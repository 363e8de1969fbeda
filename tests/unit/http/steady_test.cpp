// What requests and connections cost once everything has been done before.
#include "../allocated.hpp"
#include "http_fixture.hpp"

using namespace nn;
using namespace nn::test;
using namespace std::chrono_literals;

namespace {

// Answers without an allocation of its own, unlike the one that notes what it was asked.
class PlainHandler : public http::Handler {
 public:
  std::optional<std::uint64_t> begin(http::Exchange& /*exchange*/) override { return 1 << 20; }
  void handle(http::Exchange& exchange) override {
    exchange.response().body.assign(exchange.body());
    exchange.response().fields.add("x-request-id", "17");
    if (!later) return exchange.send();
    waiting = exchange.shared_from_this();
  }
  bool is_stream(const http::Head& /*head*/) override { return false; }
  void message(http::Exchange& /*exchange*/) override {}
  void half_closed(http::Exchange& /*exchange*/) override {}
  void done(http::Exchange& /*exchange*/, bool /*sent*/) override { ++answered; }
  void refuse(http::Exchange& exchange, http::Refusal& refusal) override {
    if (!exchange.head().grpc) exchange.response().body = refusal.message;
  }
  bool later = false;
  int answered = 0;
  std::shared_ptr<http::Exchange> waiting;
};

struct Fixture {
  ManualClock clock;
  asio::io_context io{1};
  PlainHandler* handler = nullptr;
  std::optional<http::Server> server;

  Fixture() {
    net::set_clock(io, clock);
    clock.between([this] { run(); });
    server.emplace(io, http::ServerLimits{}, 0, [this](asio::io_context&) {
      auto made = std::make_unique<PlainHandler>();
      handler = made.get();
      return made;
    });
  }
  ~Fixture() {
    server->stop();
    run();
  }
  HttpClient connect() {
    auto [ours, theirs] = socket_pair();
    server->come({net::adopt_socket(io, std::move(theirs)), "test", false, true, false});
    run();
    return HttpClient(std::move(ours));
  }
  void run() {
    io.restart();
    io.poll();
  }
  // Sends the requests and takes their answers, without an allocation.
  void ask(const HttpClient& client, std::string_view requests, int answers) {
    const int before = handler->answered;
    for (std::size_t sent = 0; sent < requests.size() || handler->answered < before + answers;) {
      sent += client.send(requests.substr(sent));
      run();
      if (const auto exchange = std::exchange(handler->waiting, nullptr)) exchange->send();
      client.drop();
    }
    client.drop();
  }
};

}  // namespace

TEST_CASE("a request costs no allocation in the steady state") {
  Fixture f;
  f.handler->later = GENERATE(false, true);
  const auto client = f.connect();
  const std::string small = post("/v1/models/digits:predict", std::string(300, 'x'),
                                 "User-Agent: test\r\nAccept: */*\r\nContent-Type: application/json\r\n");
  const std::string large = post("/v2/models/digits/infer", std::string(100'000, 'x'));
  const std::string chunks =
      "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n";
  const std::string several = small + small + small + small;
  const auto all = [&] {
    for (int i = 0; i < 100; ++i) f.ask(client, small, 1);
    for (int i = 0; i < 10; ++i) f.ask(client, large, 1);
    for (int i = 0; i < 10; ++i) f.ask(client, chunks, 1);
    if (f.handler->later) return;
    for (int i = 0; i < 10; ++i) f.ask(client, several, 4);
  };
  all();
  const AllocatedBytes allocated;
  all();
  CHECK(allocated.count() == 0);
}

TEST_CASE("a connection that has been idle keeps little memory") {
  Fixture f;
  std::vector<HttpClient> clients;
  const std::string body = post("/a", std::string(50'000, 'x'));
  constexpr int count = 100;
  clients.reserve(count);
  AllocatedBytes allocated;
  for (int i = 0; i < count; ++i) {
    clients.push_back(f.connect());
    f.ask(clients.back(), body, 1);
  }
  CHECK(allocated.most() > count * 50'000);
  f.clock.advance(2s);
  CHECK(allocated.kept() < count * 6'000);
}
