#include "client/balancer.hpp"

#include <vector>

#include "catch.hpp"

using nn::Clock;
using nn::client::Balancer;
using nn::client::Budget;
using namespace std::chrono_literals;

namespace {

const Clock::time_point start = Clock::time_point(1h);

// Who gets each of so many blocks of `rows`, of which none is answered yet.
std::vector<std::size_t> given_out(Balancer& balancer, std::size_t workers, int blocks, std::int64_t rows,
                                   Clock::time_point now = start) {
  std::vector<std::int64_t> under_way(workers, 0);
  std::vector<std::size_t> out;
  for (int i = 0; i < blocks; ++i) {
    std::vector<Balancer::Candidate> candidates;
    for (std::size_t w = 0; w < workers; ++w) candidates.push_back({w, under_way[w]});
    out.push_back(*balancer.choose(candidates, rows, now));
    under_way[out.back()] += rows;
  }
  return out;
}

using Workers = std::vector<std::size_t>;

}  // namespace

TEST_CASE("workers that nothing is known of take turns") {
  Balancer balancer(3);
  CHECK(given_out(balancer, 3, 6, 10) == Workers{0, 1, 2, 0, 1, 2});
  CHECK(balancer.choose({}, 1, start) == std::nullopt);
}

TEST_CASE("a worker that is three times as fast gets three times as many") {
  Balancer balancer(2);
  balancer.answered(0, 100, 30ms, start);
  balancer.answered(1, 100, 10ms, start);
  const Workers got = given_out(balancer, 2, 40, 100);
  CHECK(std::count(got.begin(), got.end(), std::size_t{1}) == 30);
}

TEST_CASE("a slow answer of long ago is forgotten") {
  Balancer balancer(2);
  balancer.answered(0, 1, 1s, start);
  balancer.answered(1, 1, 1ms, start);
  CHECK(given_out(balancer, 2, 3, 1, start) == Workers{1, 1, 1});
  const Workers later = given_out(balancer, 2, 4, 1, start + 2min);
  CHECK(std::count(later.begin(), later.end(), std::size_t{0}) >= 1);
}

TEST_CASE("five failures in a row leave a worker out, longer each time") {
  Balancer balancer(3);
  auto now = start;
  for (const auto time : {30s, 60s, 90s}) {
    for (int i = 0; i < Balancer::most_failures - 1; ++i) CHECK_FALSE(balancer.failed(1, now));
    CHECK(balancer.failed(1, now));
    CHECK(balancer.is_out(1, now + time - 1ms));
    CHECK_FALSE(balancer.is_out(1, now + time));
    CHECK(given_out(balancer, 3, 4, 1, now) == Workers{0, 2, 0, 2});
    now += time;
  }
  // An answer in between counts from 0 again.
  for (int i = 0; i < 20; ++i) {
    CHECK_FALSE(balancer.failed(0, start));
    balancer.answered(0, 1, 1ms, start);
  }
}

TEST_CASE("at most half of the workers are left out, and one that is takes rows where there is no other") {
  Balancer balancer(3);
  const auto fail = [&](std::size_t worker) {
    bool out = false;
    for (int i = 0; i < Balancer::most_failures; ++i) out = balancer.failed(worker, start) || out;
    return out;
  };
  CHECK(fail(0));
  CHECK_FALSE(fail(1));
  CHECK(balancer.choose({{0, 0}}, 1, start) == 0u);
  Balancer alone(1);
  for (int i = 0; i < 20; ++i) CHECK_FALSE(alone.failed(0, start));
}

TEST_CASE("a worker that comes back gets little at first") {
  Balancer balancer(2);
  for (int i = 0; i < Balancer::most_failures; ++i) balancer.failed(0, start);
  const auto share = [&](Clock::duration since_back) {
    const Workers got = given_out(balancer, 2, 110, 1, start + 30s + since_back);
    return std::count(got.begin(), got.end(), std::size_t{0});
  };
  CHECK(share(0s) == 10);
  CHECK((share(15s) > 30 && share(15s) < 40));
  CHECK(share(30s) == 55);
}

TEST_CASE("a budget follows what it is a share of, and saves up a little") {
  Budget budget(0.1, 4);
  int spent = 0;
  for (int i = 0; i < 1000; ++i) {
    budget.earn();
    while (budget.spend()) ++spent;
  }
  CHECK((spent >= 100 && spent <= 104));
}
