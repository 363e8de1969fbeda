// Whole trials of planted faults, a hundred of each: what a judge's error rates are.
#include <map>

#include "catch.hpp"
#include "simulated.hpp"

using namespace nn;
using namespace nn::traffic;

namespace {

std::map<std::string, int> verdicts(const test::Fault& fault, int runs = 100) {
  std::map<std::string, int> counts;
  for (int i = 0; i < runs; ++i)
    ++counts[test::Simulated(test::Simulated::usual(), fault, 1000 + static_cast<std::uint64_t>(i)).run()];
  return counts;
}

}  // namespace

TEST_CASE("a version like the stable one is promoted, and not taken for a bad one") {
  auto counts = verdicts({});
  CHECK(counts["rollback"] + counts["incompatible"] <= 1);
  CHECK(counts["promote"] >= 95);
}

TEST_CASE("a version that is a little faster is promoted") {
  test::Fault good;
  good.slower = 0.9;
  CHECK(verdicts(good)["promote"] >= 95);
}

TEST_CASE("a version with 2 % errors is rolled back") {
  test::Fault fault;
  fault.errors = 0.02;
  CHECK(verdicts(fault)["rollback"] >= 95);
}

TEST_CASE("a version that is half as fast with batches of 64 is rolled back") {
  test::Fault fault;
  fault.slower_at_64 = 2;
  CHECK(verdicts(fault)["rollback"] >= 95);
}

TEST_CASE("a version that is half as fast is rolled back, also where nobody knows its costs") {
  int right = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    test::Fault fault;
    fault.slower = 2;
    test::Simulated simulated(test::Simulated::usual(), fault, seed);
    simulated.policy.min_capacity_ratio = 0;
    right += simulated.run() == "rollback" ? 1 : 0;
  }
  CHECK(right >= 95);
}

TEST_CASE("a version with NaN in 1 % of its answers is rolled back, before anybody gets it and after") {
  test::Fault fault;
  fault.nonfinite = 0.01;
  CHECK(verdicts(fault)["rollback"] >= 95);
  int right = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    test::Simulated simulated(test::Simulated::usual(), fault, seed);
    simulated.policy.shadow_requests = 0;
    right += simulated.run() == "rollback" ? 1 : 0;
  }
  CHECK(right >= 95);
}

TEST_CASE("a version that answers the same to everything is rolled back") {
  test::Fault fault;
  fault.constant = true;
  CHECK(verdicts(fault)["rollback"] >= 95);
}

TEST_CASE("a version of another width isn't tried") {
  test::Fault fault;
  fault.other_width = true;
  CHECK(verdicts(fault)["incompatible"] == 100);
}
