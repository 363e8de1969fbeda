// Who goes on from a rung, and who takes whose place in a population.
#include "search/promotion.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "catch.hpp"

namespace nn::search {
namespace {

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

Promotions make(std::string_view text) {
  PrunerSpec spec = PrunerSpec::parse(text);
  spec.settle();
  return Promotions(spec);
}

TEST_CASE("rungs of promotion end with the whole trial") {
  const auto steps = [](std::string_view text) {
    const Promotions promotions = make(text);
    std::vector<std::int64_t> all;
    for (std::size_t k = 0; k < promotions.rungs(); ++k) all.push_back(promotions.step(k));
    return all;
  };
  CHECK(steps("asha:1:81:promote") == std::vector<std::int64_t>{1, 3, 9, 27, 81});
  CHECK(steps("asha:2:20:3:promote") == std::vector<std::int64_t>{2, 6, 18, 20});
  CHECK(steps("asha:1:81:skip=2:promote") == std::vector<std::int64_t>{9, 27, 81});
  CHECK(steps("asha:5:5:promote") == std::vector<std::int64_t>{5});
}

TEST_CASE("the best of a rung go on, the highest rung first") {
  Promotions p = make("asha:1:9:promote");
  CHECK_FALSE(p.next());
  p.add(0, 0, 0.5);
  p.add(1, 0, 0.3);
  CHECK_FALSE(p.next());
  p.add(2, 0, nothing);
  auto job = p.next();
  REQUIRE(job);
  CHECK((job->trial == 1 && job->rung == 1 && job->step == 3));
  CHECK_FALSE(p.next());
  for (std::uint32_t trial = 3; trial < 9; ++trial) p.add(trial, 0, 0.01 * trial);
  p.add(1, 1, 0.2);
  CHECK(p.next()->trial == 3);
  p.add(3, 1, 0.2);
  p.add(9, 1, 0.4);  // from a journal: the last report first
  job = p.next();
  REQUIRE(job);
  CHECK((job->trial == 1 && job->rung == 2 && job->step == 9));  // among equals the earlier one
  CHECK(p.next()->trial == 4);
  const auto standing = p.standing(4, 0);
  REQUIRE(standing);
  CHECK((standing->place == 2 && standing->count == 9 && standing->kept == 3 && standing->is_promoted));
  CHECK(p.standing(0, 0)->place == 8);
  CHECK_FALSE(p.standing(9, 0));
}

TEST_CASE("who failed, or ended by itself, counts and doesn't go on") {
  Promotions p = make("asha:1:9:promote");
  p.add(0, 0, 0.1, true);
  p.add(1, 0, 0.2);
  p.add(1, 0, 0.0);  // told twice
  p.add(2, 0, 0.3);
  CHECK_FALSE(p.next());
  for (std::uint32_t trial = 3; trial < 6; ++trial) p.add(trial, 0, 0.5);
  p.drop(1);
  CHECK_FALSE(p.next());
  p.promoted(2, 0);  // so says a journal
  for (std::uint32_t trial = 6; trial < 9; ++trial) p.add(trial, 0, 0.5);
  CHECK_FALSE(p.next());
  for (std::uint32_t trial = 9; trial < 12; ++trial) p.add(trial, 0, 0.5);
  CHECK(p.next()->trial == 3);
}

// The same from the definition: sort the rung, and look for one that wasn't sent on.
class PlainPromotions {
 public:
  void add(std::uint32_t trial, std::size_t rung, double value) { rungs_[rung].push_back({value, trial}); }
  std::optional<std::pair<std::uint32_t, std::size_t>> next(std::size_t rungs) {
    for (std::size_t rung = rungs - 1; rung-- > 0;) {
      auto sorted = rungs_[rung];
      std::sort(sorted.begin(), sorted.end());
      for (std::size_t i = 0; i < sorted.size() / 3; ++i) {
        if (sent_.insert({rung, sorted[i].second}).second) return std::pair(sorted[i].second, rung + 1);
      }
    }
    return std::nullopt;
  }

 private:
  std::map<std::size_t, std::vector<std::pair<double, std::uint32_t>>> rungs_;
  std::set<std::pair<std::size_t, std::uint32_t>> sent_;
};

TEST_CASE("promotions are those of the definition, and no slot is idle") {
  Promotions fast = make("asha:1:27:promote");
  PlainPromotions plain;
  RandomStream random(3, RandomUse::propose);
  std::vector<std::pair<std::uint32_t, std::size_t>> running;  // 7 slots
  std::uint32_t begun = 0;
  for (int events = 0; events < 2000; ++events) {
    while (running.size() < 7) {
      const auto job = fast.next();
      const auto expected = plain.next(fast.rungs());
      REQUIRE(job.has_value() == expected.has_value());
      if (!job) {
        running.push_back({begun++, 0});
        continue;
      }
      REQUIRE((job->trial == expected->first && job->rung == expected->second));
      running.push_back({job->trial, job->rung});
    }
    const auto slot = static_cast<std::ptrdiff_t>(random.below(running.size()));
    const auto [trial, rung] = running[static_cast<std::size_t>(slot)];
    running.erase(running.begin() + slot);
    const double value = static_cast<double>(random.below(200));
    fast.add(trial, rung, value);
    plain.add(trial, rung, value);
  }
}

}  // namespace
}  // namespace nn::search
