#include "traffic/comparison.hpp"

#include <limits>

#include "catch.hpp"

using namespace nn::traffic;

namespace {

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

}  // namespace

TEST_CASE("pairs of probabilities: the same class, and how far apart they are") {
  Comparison c;
  const Comparison::Shape shape{2, true, {}};
  const std::vector<float> a{1, 0, 0.6f, 0.4f, 0.2f, 0.8f}, b{0, 1, 0.7f, 0.3f, 0.2f, 0.8f};
  const auto result = c.add(shape, a, b);
  CHECK(result.rows == 3);
  CHECK(result.agreed == 2);
  CHECK(c.agreement() == Approx(2.0 / 3));
  CHECK(c.mean_distance() == Approx((1 + 0.0079 + 0) / 3).margin(0.001));  // disjoint ones are one bit apart
  CHECK_FALSE(c.is_constant());
}

TEST_CASE("pairs of numbers are measured in standard deviations") {
  Comparison c;
  const std::vector<double> deviations{10, 1};
  const std::vector<float> a{100, 1}, b{105, 1};
  c.add({2, false, deviations}, a, b);
  CHECK(c.agreed() == 0);
  CHECK(c.mean_distance() == Approx(0.25));
  const std::vector<float> close{100.5f, 1.05f};
  c.add({2, false, deviations}, a, close);
  CHECK(c.agreed() == 1);
}

TEST_CASE("what isn't finite is counted against whom it is of") {
  Comparison c;
  const Comparison::Shape shape{1, false, {}};
  c.add(shape, std::vector<float>{1, not_a_number, not_a_number, 1},
        std::vector<float>{not_a_number, not_a_number, 1, 1});
  CHECK(c.nonfinite_new() == 1);
  CHECK(c.nonfinite_reference() == 2);
  CHECK(c.compared() == 1);
  CHECK(c.agreement() == 1);
}

TEST_CASE("an answer that is always the same is seen, unless the other's is too") {
  Comparison constant, both;
  const Comparison::Shape shape{1, false, {}};
  for (int i = 0; i < 60; ++i) {
    const std::vector<float> row{static_cast<float>(i)}, one{1};
    constant.add(shape, row, one);
    both.add(shape, one, one);
  }
  CHECK(constant.is_constant());
  CHECK_FALSE(both.is_constant());
}

TEST_CASE("sums over threads are those of one, and survive as numbers") {
  const Comparison::Shape shape{2, true, {}};
  Comparison all, first, second;
  for (int i = 0; i < 100; ++i) {
    const float p = static_cast<float>(i) / 100;
    const std::vector<float> a{p, 1 - p}, b{1 - p, p};
    all.add(shape, a, b);
    (i < 50 ? first : second).add(shape, a, b);
  }
  second.add_error();
  all.add_error();
  first.add_cost(10, 20);
  all.add_cost(10, 20);
  first.merge(second);
  CHECK(first.numbers() == all.numbers());
  CHECK(first.error_run() == 1);
  CHECK(first.cost_ratio() == 2);
  const auto again = Comparison::from_numbers(all.numbers());
  REQUIRE(again);
  CHECK(again->numbers() == all.numbers());
  CHECK_FALSE(Comparison::from_numbers(std::vector<double>{1, 2, 3}));
  auto wrong = all.numbers();
  wrong[1] = 1e9;
  CHECK_FALSE(Comparison::from_numbers(wrong));
  wrong[1] = -1;
  CHECK_FALSE(Comparison::from_numbers(wrong));
}
