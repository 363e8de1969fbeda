// Our server with a handler that answers every request with the same bytes: what HTTP itself costs.
// `bench-http SIZE [THREADS]` prints its port and runs until it is killed; 0 threads: the accepting one.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/log.hpp"
#include "http/server.hpp"

namespace {

using namespace nn;

class FixedHandler : public http::Handler {
 public:
  explicit FixedHandler(const std::string& body) : body_(body) {}
  std::optional<std::uint64_t> begin(http::Exchange& /*exchange*/) override { return 64 << 20; }
  void handle(http::Exchange& exchange) override {
    exchange.response().body = body_;
    exchange.send();
  }
  bool is_stream(const http::Head& /*head*/) override { return false; }
  void message(http::Exchange& /*exchange*/) override {}
  void half_closed(http::Exchange& /*exchange*/) override {}
  void done(http::Exchange& /*exchange*/, bool /*sent*/) override {}
  void refuse(http::Exchange& exchange, http::Refusal& refusal) override {
    if (!exchange.head().grpc) exchange.response().body = refusal.message;
  }

 private:
  const std::string& body_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: bench-http SIZE [THREADS]\n", stderr);
    return 2;
  }
  const std::string body(std::strtoul(argv[1], nullptr, 10), 'x');
  asio::io_context io{1};
  http::Server server(io, {}, argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 0,
                      [&](asio::io_context&) { return std::make_unique<FixedHandler>(body); });
  net::ListenOptions options;
  options.http = true;
  options.listen.push_back(net::parse_endpoint("http://127.0.0.1:0"));
  net::Listeners listeners(io, options, true,
                           {[&](net::Listeners::Client client) { server.come(std::move(client)); },
                            [] { return false; }, [](const std::string&, const Error&) {},
                            [](const std::exception_ptr& error) { std::rethrow_exception(error); }});
  std::printf("%u\n", static_cast<unsigned>(listeners.endpoints()[0].port));
  std::fflush(stdout);
  listeners.start();
  io.run();
}
