#include "h2_fixture.hpp"

#include <algorithm>
#include <charconv>

namespace nn::test {
namespace {

std::string path_of(http::Exchange& exchange) { return std::string(exchange.head().path); }

}  // namespace

std::optional<std::uint64_t> TestHandler::begin(http::Exchange& exchange) {
  log.push_back("begin " + path_of(exchange));
  const auto& head = exchange.head();
  deadline_ms =
      head.deadline
          ? std::chrono::duration_cast<std::chrono::milliseconds>(*head.deadline - head.arrived).count()
          : -1;
  if (head.path != "/refused") return limit;
  http::Response& response = exchange.response();
  response.status = 403;
  response.body = "no";
  response.grpc_status = StatusCode::permission_denied;
  response.grpc_message = "no";
  return std::nullopt;
}

void TestHandler::note(http::Exchange& exchange) {
  if (!dynamic_cast<NotedWork*>(exchange.work.get())) exchange.work = std::make_shared<NotedWork>();
  if (!ends_gone) return;
  dynamic_cast<NotedWork&>(*exchange.work).when_gone = [this, &exchange] {
    std::erase_if(late, [&](const auto& each) { return each.get() == &exchange; });
    exchange.send();
  };
}

void TestHandler::keep(http::Exchange& exchange) {
  const auto own = exchange.shared_from_this();
  if (std::find(late.begin(), late.end(), own) == late.end()) late.push_back(own);
}

void TestHandler::handle(http::Exchange& exchange) {
  const std::string path = path_of(exchange);
  http::Response& response = exchange.response();
  last_body = exchange.body();
  note(exchange);
  if (path.starts_with("/late")) {
    late.push_back(exchange.shared_from_this());
    return;
  }
  if (path == "/throw") throw Error(ErrorKind::data, "it is broken");
  if (path == "/memory") throw std::bad_alloc();
  if (path.starts_with("/big/")) {
    std::size_t size = 0;
    std::from_chars(path.data() + 5, path.data() + path.size(), size);
    response.body.assign(size, 'b');
  } else if (path == "/status") {
    response.grpc_status = StatusCode::resource_exhausted;
    response.grpc_message = "100 % full\nü";
    response.trailers.add("grpc-retry-pushback-ms", "200");
    if (!exchange.head().grpc) response.status = 204;
  } else {
    response.body = exchange.body();
    response.may_compress = path == "/compressed";
    response.fields.add("x-path", exchange.head().path);
    response.fields.add("x-query", exchange.head().query);
    response.fields.add("x-method", exchange.head().method_text);
  }
  exchange.send();
}

void TestHandler::message(http::Exchange& exchange) {
  const std::string body(exchange.body());
  log.push_back("message " + body);
  note(exchange);
  if (body == "throw") throw Error(ErrorKind::data, "it is broken");
  if (body == "end") {
    exchange.response().grpc_status = StatusCode::aborted;
    exchange.response().grpc_message = "as you like";
    exchange.send();
    return;
  }
  if (exchange.head().path == "/stream/late") {
    keep(exchange);
    return;
  }
  exchange.response().body = "<" + body + ">";
  exchange.send_message();
}

void TestHandler::half_closed(http::Exchange& exchange) {
  log.emplace_back("half closed");
  note(exchange);
  if (exchange.head().path == "/stream/late") {
    keep(exchange);
    return;
  }
  exchange.send();
}

void TestHandler::done(http::Exchange& exchange, bool sent) {
  log.push_back("done " + path_of(exchange) + (sent ? " sent" : " lost"));
}

void TestHandler::refuse(http::Exchange& exchange, http::Refusal& refusal) {
  log.push_back("refuse " + std::string(exchange.head().path) + ": " + refusal.message);
  if (!exchange.head().grpc) exchange.response().body = "{\"error\":\"" + refusal.message + "\"}";
}

H2Fixture::H2Fixture(const http::ServerLimits& given, unsigned seed, bool http1)
    : limits(given), memory(limits.request_bytes), thread{io, clock, handler, limits, memory, stats} {
  net::set_clock(io, clock);
  thread.jitter.seed(seed);
  auto [client, server] = socket_pair();
  socket = std::move(client);
  ++thread.connections;
  const http::Peer peer{.name = "test", .admin = false, .local = true, .tls = false};
  if (http1) {
    http::make_h1_connection(thread, std::move(server), peer);
    return;
  }
  const auto connection =
      http::make_h2_connection(thread, net::adopt_socket(io, std::move(server)), {}, peer);
  connection->join();
  connection->start();
}

H2Fixture::~H2Fixture() {
  handler.late.clear();
  for (auto* list : {&thread.busy, &thread.idle}) {
    for (const auto& connection : *list) connection->abandon();
  }
  thread.busy.clear();
  thread.idle.clear();
  io.restart();
  io.poll();
}

void H2Fixture::greet(const std::vector<std::pair<int, std::uint32_t>>& entries) {
  say(std::string(preface) + settings(entries));
  say(frame(NGHTTP2_SETTINGS, acknowledged, 0, {}));  // from here on the server's hold
}

void H2Fixture::send(std::string_view bytes) { unsent += bytes; }

void H2Fixture::run_unread() {
  for (;;) {
    if (!unsent.empty() && socket) {
      const ssize_t sent = ::send(socket.get(), unsent.data(), unsent.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent > 0) unsent.erase(0, static_cast<std::size_t>(sent));
      if (sent < 0 && errno != EAGAIN) unsent.clear();
    }
    io.restart();
    if (io.poll() == 0) return;
  }
}

void H2Fixture::run() {
  std::array<char, 65536> buffer;
  for (bool more = true; more;) {
    run_unread();
    more = false;
    while (socket && !ended) {
      const ssize_t size = ::recv(socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (size < 0) {
        if (errno != EAGAIN) ended = true;
        break;
      }
      if (size == 0) {
        ended = true;
        break;
      }
      reader->take({buffer.data(), static_cast<std::size_t>(size)});
      more = true;
    }
  }
}

void H2Fixture::advance(Clock::duration time, int steps) {
  for (int i = 0; i < steps; ++i) {
    clock.advance(time / steps);
    auto all = thread.busy;
    all.insert(all.end(), thread.idle.begin(), thread.idle.end());
    for (const auto& connection : all) connection->check_time(clock.now());
    run();
  }
}

StreamAnswer& H2Fixture::answer(std::uint32_t stream) { return reader->streams[stream]; }

}  // namespace nn::test
