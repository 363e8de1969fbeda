#include "client/balancer.hpp"

#include <fmt/format.h>

#include <vector>

#include "catch.hpp"

using nn::Clock;
using nn::client::Balancer;
using nn::client::BalancerOptions;
using nn::client::Budget;
using nn::client::WorkerRecord;
using namespace std::chrono_literals;

namespace {

const Clock::time_point start = Clock::time_point(1h);

std::vector<std::shared_ptr<WorkerRecord>> records(std::size_t workers) {
  std::vector<std::shared_ptr<WorkerRecord>> out;
  for (std::size_t w = 0; w < workers; ++w) out.push_back(std::make_shared<WorkerRecord>());
  return out;
}

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

void fail_on(Balancer& balancer, std::size_t worker, Clock::time_point now = start) {
  for (int i = 0; i < WorkerRecord::most_failures; ++i) balancer.failed(worker, now);
}

using Workers = std::vector<std::size_t>;
using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("workers that nothing is known of take turns") {
  Balancer balancer(records(3));
  CHECK(given_out(balancer, 3, 6, 10) == Workers{0, 1, 2, 0, 1, 2});
  CHECK(balancer.choose({}, 1, start) == std::nullopt);
}

TEST_CASE("a worker that is three times as fast gets three times as many") {
  Balancer balancer(records(2));
  balancer.answered(0, 100, 30ms, start);
  balancer.answered(1, 100, 10ms, start);
  const Workers got = given_out(balancer, 2, 40, 100);
  CHECK(std::count(got.begin(), got.end(), std::size_t{1}) == 30);
}

TEST_CASE("a slow answer of long ago is forgotten") {
  Balancer balancer(records(2));
  balancer.answered(0, 1, 1s, start);
  balancer.answered(1, 1, 1ms, start);
  CHECK(given_out(balancer, 2, 3, 1, start) == Workers{1, 1, 1});
  const Workers later = given_out(balancer, 2, 4, 1, start + 2min);
  CHECK(std::count(later.begin(), later.end(), std::size_t{0}) >= 1);
}

TEST_CASE("of two that chance names the better one is chosen, so that not all run to the best") {
  Balancer balancer(records(4), {.of_two = true, .seed = 7});
  for (std::size_t w = 0; w < 4; ++w) balancer.answered(w, 1, w == 3 ? 10ms : 40ms, start);
  std::vector<int> got(4, 0);
  for (int i = 0; i < 3000; ++i) ++got[*balancer.choose({{0, 5}, {1, 5}, {2, 5}, {3, 5}}, 1, start)];
  // The best is in half of the pairs; others get what chance gives to two of them.
  CHECK((got[3] > 1400 && got[3] < 1600));
  for (std::size_t w = 0; w < 3; ++w) CHECK(got[w] > 100);
}

TEST_CASE("five failures in a row leave a worker out, longer each time") {
  const auto of = records(3);
  Balancer balancer(of);
  auto now = start;
  for (const auto time : {30s, 60s, 90s}) {
    for (int i = 0; i < WorkerRecord::most_failures - 1; ++i) balancer.failed(1, now);
    CHECK_FALSE(balancer.is_out(1, now));
    balancer.failed(1, now);
    CHECK(balancer.is_out(1, now + time - 1ms));
    CHECK_FALSE(balancer.is_out(1, now + time));
    CHECK(given_out(balancer, 3, 4, 1, now) == Workers{0, 2, 0, 2});
    now += time;
  }
  CHECK(of[1]->figures(now - 1ms).out);
  CHECK(of[1]->figures(now).ejections == 3);
  // An answer in between counts from 0 again.
  for (int i = 0; i < 20; ++i) {
    balancer.failed(0, start);
    balancer.answered(0, 1, 1ms, start);
  }
  CHECK_FALSE(balancer.is_out(0, start));
}

TEST_CASE("at most half of the workers are left out, and one that is takes rows where there is no other") {
  Balancer balancer(records(3));
  fail_on(balancer, 0);
  fail_on(balancer, 1);
  CHECK(balancer.is_out(0, start));
  CHECK_FALSE(balancer.is_out(1, start));
  CHECK(balancer.choose({{0, 0}}, 1, start) == 0u);
  Balancer alone(records(1));
  for (int i = 0; i < 20; ++i) alone.failed(0, start);
  CHECK_FALSE(alone.is_out(0, start));
}

TEST_CASE("where more are left out than not, all count; else nobody is asked who is out") {
  Balancer balancer(records(4));
  fail_on(balancer, 0);
  fail_on(balancer, 1);
  REQUIRE(balancer.is_out(1, start));
  // Worker 3 has gone: two of three are out.
  CHECK(balancer.choose({{0, 0}, {1, 0}, {2, 9}}, 1, start) == 0u);
  // It is back, and neither of the good ones has room.
  CHECK(balancer.choose({{0, 0}, {1, 0}, {2, 9, false}, {3, 9, false}}, 1, start) == std::nullopt);
}

TEST_CASE("a worker that comes back gets little at first, wherever it was") {
  const auto of = records(2);
  Balancer balancer(of);
  auto back = start;
  SECTION("left out") {
    fail_on(balancer, 0);
    back += 30s;
  }
  SECTION("not connected") { of[0]->connected(start, true); }
  const auto share = [&](Clock::duration since_back) {
    const Workers got = given_out(balancer, 2, 110, 1, back + since_back);
    return std::count(got.begin(), got.end(), std::size_t{0});
  };
  CHECK(share(0s) == 10);
  CHECK((share(15s) > 30 && share(15s) < 40));
  CHECK(share(30s) == 55);
}

TEST_CASE("a worker whose answers take much longer than those of the others is left out") {
  struct Case {
    std::string_view what;
    std::vector<std::chrono::microseconds> usual, worst;  // of each worker; one of ten takes `worst`
    int answers;
    Workers out;
  };
  const std::vector<Case> cases = {
      {"three times as long", {10ms, 10ms, 31ms}, {10ms, 10ms, 31ms}, 30, {2}},
      {"not quite", {10ms, 10ms, 29ms}, {10ms, 10ms, 29ms}, 30, {}},
      {"one of ten", {10ms, 10ms, 10ms}, {10ms, 200ms, 10ms}, 30, {1}},
      {"one of two", {10ms, 50ms}, {10ms, 50ms}, 30, {1}},
      {"nobody would note", {100us, 400us}, {100us, 4ms}, 30, {}},
      {"too few to tell", {10ms, 50ms}, {10ms, 50ms}, 19, {}},
      {"most are slow", {900ms, 10ms, 900ms, 950ms, 11ms}, {900ms, 10ms, 900ms, 950ms, 11ms}, 30, {}},
      {"two of five", {10ms, 80ms, 10ms, 90ms, 10ms}, {10ms, 80ms, 10ms, 90ms, 10ms}, 30, {1, 3}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    Texts reasons;
    Balancer balancer(records(c.usual.size()),
                      {.left_out = [&](std::size_t, const std::string& why) { reasons.push_back(why); }});
    for (int i = 0; i < c.answers; ++i) {
      for (std::size_t w = 0; w < c.usual.size(); ++w)
        balancer.answered(w, 1, i % 10 == 0 ? c.worst[w] : c.usual[w], start + i * 1ms);
    }
    const auto later = start + Balancer::interval;
    balancer.answered(0, 1, c.usual[0], later);
    Workers out;
    for (std::size_t w = 0; w < c.usual.size(); ++w) {
      if (balancer.is_out(w, later)) out.push_back(w);
    }
    CHECK(out == c.out);
    CHECK(reasons.size() == c.out.size());
    if (c.what == "three times as long")
      CHECK(reasons == Texts{"95 of 100 answers took up to 31 ms, and 10 ms at the others"});
  }
}

TEST_CASE("what is late counts as long as it has taken") {
  Balancer balancer(records(2));
  for (int i = 0; i < 40; ++i) {
    balancer.answered(0, 1, 10ms, start);
    balancer.answered(1, 1, 10ms, start);
    if (i % 8 == 0) balancer.failed(1, start, 300ms);
  }
  balancer.answered(0, 1, 10ms, start + Balancer::interval);
  CHECK(balancer.is_out(1, start + Balancer::interval));
}

TEST_CASE("a worker that fails more often than the others is left out, where there are enough to compare") {
  for (const std::size_t workers : {4u, 5u}) {
    CAPTURE(workers);
    Balancer balancer(records(workers));
    for (int i = 0; i < 100; ++i) {
      for (std::size_t w = 0; w < workers; ++w) {
        if (w == 1 && i % 4 == 0) {
          balancer.failed(w, start);
        } else {
          balancer.answered(w, 1, 10ms, start);
        }
      }
    }
    balancer.answered(0, 1, 10ms, start + Balancer::interval);
    CHECK(balancer.is_out(1, start + Balancer::interval) == (workers == 5));
    CHECK_FALSE(balancer.is_out(0, start + Balancer::interval));
  }
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
