// A server of gRPC for clients that others wrote: `interop-grpc-echo` prints its port and runs until it is
// killed. /echo answers the message, /big so many bytes, /fail an error, /slow nothing, /gone how many of the
// slow were cancelled, /stream each message of a stream.
#include <cstdio>
#include <list>
#include <string>

#include "base/numbers.hpp"
#include "http/server.hpp"

namespace {

using namespace nn;

class Echo : public http::Handler {
 public:
  std::optional<std::uint64_t> begin(http::Exchange& /*exchange*/) override { return 64 << 20; }
  void handle(http::Exchange& exchange) override {
    const std::string_view path = exchange.head().path;
    http::Response& response = exchange.response();
    if (path == "/slow") {
      exchange.work = std::make_shared<Slow>(*this, exchange);
      slow_.push_back(exchange.shared_from_this());
      return;
    }
    if (path == "/big") {
      response.body.assign(static_cast<std::size_t>(parse_integer(exchange.body())), 'b');
    } else if (path == "/gone") {
      response.body = std::to_string(gone_);
    } else if (path == "/fail") {
      response.grpc_status = StatusCode::resource_exhausted;
      response.grpc_message = "100 % full: ü\n";
      response.trailers.add("grpc-retry-pushback-ms", "200");
    } else {
      response.body = exchange.body();
    }
    response.fields.add("x-deadline", exchange.head().deadline ? "yes" : "no");
    exchange.send();
  }
  bool is_stream(const http::Head& head) override { return head.path == "/stream"; }
  void message(http::Exchange& exchange) override {
    exchange.response().body = exchange.body();
    exchange.send_message();
  }
  void half_closed(http::Exchange& exchange) override { exchange.send(); }
  void done(http::Exchange& /*exchange*/, bool /*sent*/) override {}
  void refuse(http::Exchange& exchange, http::Refusal& refusal) override {
    if (!exchange.head().grpc) exchange.response().body = refusal.message;
  }

 private:
  struct Slow : http::Work {
    Slow(Echo& to, http::Exchange& from) : echo(to), exchange(from) {}
    void gone() override {
      ++echo.gone_;
      echo.slow_.remove_if([&](const auto& each) { return each.get() == &exchange; });
      exchange.send();
    }
    Echo& echo;
    http::Exchange& exchange;
  };
  std::list<std::shared_ptr<http::Exchange>> slow_;
  int gone_ = 0;
};

}  // namespace

int main() {
  asio::io_context io{1};
  http::Server server(io, {}, 0, [](asio::io_context&) { return std::make_unique<Echo>(); });
  net::ListenOptions options;
  options.listen.push_back(net::parse_endpoint("tcp://127.0.0.1:0"));
  net::Listeners listeners(io, options, true,
                           {[&](net::Listeners::Client client) { server.come(std::move(client)); },
                            [] { return false; }, [](const std::string&, const Error&) {},
                            [](const std::exception_ptr& error) { std::rethrow_exception(error); }});
  std::printf("%u\n", static_cast<unsigned>(listeners.endpoints()[0].port));
  std::fflush(stdout);
  listeners.start();
  io.run();
}
