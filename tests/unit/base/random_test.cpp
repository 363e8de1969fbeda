#include "base/random.hpp"

#include <algorithm>
#include <vector>

#include "catch.hpp"

using namespace nn;

// Known answers from the test vectors of the paper's library (Random123, kat_vectors).
TEST_CASE("Philox4x32-10 gives the published answers") {
  CHECK(philox({0, 0, 0, 0}, 0) == PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, 0xffffffffffffffff) ==
        PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0x299f31d0a4093822) ==
        PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("normal numbers have mean 0 and variance 1") {
  RandomStream random(7, RandomUse::initialise);
  double sum = 0, squares = 0;
  constexpr int count = 20000;
  for (int i = 0; i < count; ++i) {
    const double x = random.normal();
    sum += x;
    squares += x * x;
  }
  CHECK(sum / count == Approx(0).margin(0.03));
  CHECK(squares / count == Approx(1).margin(0.04));
}

TEST_CASE("a shuffle is a permutation that follows the seed") {
  std::vector<std::uint32_t> a(1000), b(1000), c(1000);
  RandomStream one(1, RandomUse::shuffle, 5), again(1, RandomUse::shuffle, 5),
      other(1, RandomUse::shuffle, 6);
  shuffle_indices(a, one);
  shuffle_indices(b, again);
  shuffle_indices(c, other);
  CHECK(a == b);
  CHECK(a != c);
  std::sort(c.begin(), c.end());
  for (std::uint32_t i = 0; i < 1000; ++i) REQUIRE(c[i] == i);
}
