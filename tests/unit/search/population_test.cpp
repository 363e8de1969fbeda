#include "search/population.hpp"

#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "base/random.hpp"
#include "catch.hpp"

namespace nn::search {
namespace {

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

RandomStream stream(std::uint64_t index = 0) { return {1, RandomUse::propose, index}; }

TEST_CASE("the worst members go on as one of the best") {
  const std::vector<Member> members{{0, 0.5}, {1, 0.1}, {2, 0.9}, {3, nothing}, {4, 0.3},
                                    {5, 0.7}, {6, 0.2}, {7, 0.9}, {8, 0.4}};
  std::set<std::size_t> copied;
  for (std::uint64_t i = 0; i < 64; ++i) {
    RandomStream random = stream(i);
    for (const std::size_t bad : {2, 7}) {
      const Standing standing = exploited(members, bad, 0.25, random);
      REQUIRE(standing.copied);
      copied.insert(*standing.copied);
    }
    for (const std::size_t good : {0, 1, 3, 4, 5, 6, 8}) {
      CHECK_FALSE(exploited(members, good, 0.25, random).copied);
    }
    CHECK(successor(members, 1, 0.25, random) != 1U);
    CHECK(exploited({{0, 0.5}, {1, 0.4}, {2, 0.3}}, 1, 0.5, random).copied == std::nullopt);
    CHECK(exploited({{0, 0.5}, {1, 0.4}, {2, 0.3}}, 0, 0.5, random).copied == 2U);  // half of three is one
    CHECK_FALSE(exploited({{0, 0.5}}, 0, 0.25, random).copied);
    CHECK_FALSE(successor({{0, 0.5}, {1, nothing}}, 0, 0.25, random));
  }
  CHECK(copied == std::set<std::size_t>{1, 6});
  RandomStream random = stream();
  CHECK(to_string(exploited(members, 7, 0.25, random), 0.9, 40) ==
        "0.9 is number 8 of 8 at step 40; the worst 2 go on as one of the best 2");
  CHECK(to_string(exploited(members, 3, 0.25, random), nothing, 40) == "at step 40 it has no score");
}

TEST_CASE("explored points are near, and in the space") {
  const Space space =
      Space::parse({"lr=loguniform:1e-4:1e-1", "units=int:1:64", "depth=ordinal:a,b,c,d",
                    "optimizer=choice:sgd,adam", "momentum=uniform:0:0.99 if optimizer=sgd", "k=const:1"},
                   {"depth=d and units=2"});
  const Point point{0.01, 2, 2, 0, 0.5, 0};
  std::set<double> lrs, units, depths;
  for (std::uint64_t i = 0; i < 100; ++i) {
    RandomStream random = stream(i);
    const auto next = explored(space, point, 0, random);
    REQUIRE(next);
    CHECK(space.contains(*next));
    CHECK((*next)[3] == 0);  // a choice stays
    lrs.insert((*next)[0]);
    units.insert((*next)[1]);
    depths.insert((*next)[2]);
  }
  CHECK(lrs == std::set<double>{0.01 * 0.8, 0.01 * 1.2});
  CHECK(units == std::set<double>{1, 3});
  CHECK(depths == std::set<double>{1, 3});
  bool was_drawn = false, was_left_out = false;
  for (std::uint64_t i = 0; i < 100; ++i) {
    RandomStream random = stream(i);
    const auto next = explored(space, {0.1, 64, 3, 1, nothing, 0}, 0.25, random);
    REQUIRE(next);
    CHECK(space.contains(*next));
    (std::isnan((*next)[4]) ? was_left_out : was_drawn) = true;
  }
  CHECK(was_drawn);
  CHECK(was_left_out);
  RandomStream random = stream();
  const Space none = Space::parse({"a=int:1:2"}, {"a=1", "a=2"});
  CHECK_FALSE(explored(none, {1}, 0.25, random));
}

}  // namespace
}  // namespace nn::search
