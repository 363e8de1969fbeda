#include "protocol/byte_budget.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <map>
#include <string>

#include "catch.hpp"

using namespace nn;
using protocol::ByteBudget;

namespace {

struct Fixture {
  asio::io_context io{1};
  std::shared_ptr<ByteBudget> budget = std::make_shared<ByteBudget>(io.get_executor(), 1600);
  std::map<char, ByteBudget::Share> shares;
  std::string order;

  void take(char name, std::uint64_t bytes) {
    asio::co_spawn(
        io,
        [this, name, bytes]() -> asio::awaitable<void> {
          shares[name] = co_await budget->take(bytes);
          order += name;
        },
        [](const std::exception_ptr& error) {
          if (error) std::rethrow_exception(error);
        });
    run();
  }
  void give_back(char name) {
    shares.erase(name);
    run();
  }
  void run() {
    io.restart();
    io.poll();
  }
};

}  // namespace

TEST_CASE("wishes are granted in their order, and wait where there is no room") {
  Fixture f;
  f.take('a', 700);
  f.take('b', 500);
  f.take('c', 900);
  f.take('d', 300);
  CHECK(f.order == "ab");
  CHECK(f.budget->is_short());
  f.give_back('b');
  CHECK(f.order == "ab");  // c comes before d, which would fit
  f.give_back('a');
  CHECK(f.order == "abcd");
  CHECK(f.budget->used() == 1200);
  CHECK_FALSE(f.budget->is_short());
}

TEST_CASE("small wishes have room that large ones don't get, and don't wait behind them") {
  Fixture f;
  f.take('a', 600);
  f.take('b', 600);
  f.take('c', 600);
  for (const char name : {'1', '2', '3', '4'}) f.take(name, 100);
  CHECK(f.order == "ab1234");
  f.take('5', 1);
  CHECK(f.order == "ab1234");
  f.give_back('1');
  CHECK(f.order == "ab12345");
}

TEST_CASE("more than there are at all is granted when nobody has any") {
  Fixture f;
  f.take('a', 100);
  f.take('b', 5000);
  CHECK(f.order == "a");
  f.give_back('a');
  CHECK(f.order == "ab");
  f.take('c', 100);
  CHECK(f.order == "ab");
  f.give_back('b');
  CHECK(f.order == "abc");
}
