#include "serve/mailbox.hpp"

#include "catch.hpp"
#include "serve/call.hpp"

using namespace nn;
using namespace nn::serve;

namespace {

struct NoExchange : http::Exchange {
  const http::Head& head() const override { return its_head; }
  const http::Peer& peer() const override { return its_peer; }
  std::string_view body() const override { return {}; }
  std::uint64_t bytes_in() const override { return 0; }
  std::uint64_t bytes_out() const override { return 0; }
  void send() override {}
  void send_message() override {}
  bool hold(std::uint64_t) override { return true; }
  void give_back(std::uint64_t) override {}
  bool gone() const override { return true; }
  http::Head its_head;
  http::Peer its_peer;
};

}  // namespace

TEST_CASE("what is computed while its thread ends is let go, with the exchange that keeps it", "[mailbox]") {
  const bool comes_before = GENERATE(true, false);
  boost::asio::io_context io;
  const auto mailbox = std::make_shared<Mailbox>(io, [](serving::Request&) { FAIL("nobody is there"); });
  const auto call = std::make_shared<Call>();
  call->computation = std::make_shared<Computation>();
  std::weak_ptr<http::Exchange> exchange;
  {
    const auto its = std::make_shared<NoExchange>();
    its->work = call;
    call->computation->exchange = its;
    exchange = its;
  }
  CHECK_FALSE(exchange.expired());
  std::shared_ptr<serving::Request> request = call->computation;
  if (!comes_before) mailbox->close();
  mailbox->complete({&request, 1});
  if (comes_before) mailbox->close();
  CHECK(exchange.expired());
  io.run();  // what was on its way finds nobody
}
