#include "search/pareto.hpp"

#include <vector>

#include "catch.hpp"
#include "golden.hpp"

namespace nn::search {
namespace {

TEST_CASE("ranks of domination: equal ones share theirs") {
  const std::vector<Losses> trials{{2, 2}, {1, 3}, {3, 1}, {2, 2}, {3, 3}, {1, 4}, {4, 4}};
  CHECK(domination_ranks(trials, 7) == std::vector<std::size_t>{0, 0, 0, 0, 1, 1, 2});
  CHECK(domination_ranks(trials, 1) == std::vector<std::size_t>{0, 0, 0, 0, 1, 1, 1});
  CHECK(pareto_front(trials) == std::vector<std::size_t>{0, 1, 2, 3});
  CHECK(pareto_front({{3}, {1}, {1}, {2}}) == std::vector<std::size_t>{1, 2});
  // In three objectives what is last of the front isn't all that may dominate.
  CHECK(pareto_front({{1, 1, 3}, {1, 3, 1}, {2, 2, 4}, {0, 4, 4}}) == std::vector<std::size_t>{0, 1, 3});
  CHECK(pareto_front({}).empty());
}

TEST_CASE("volumes are Optuna's") {
  std::vector<Losses> points;
  for (const GoldenLine& line : read_golden("volumes")) {
    if (line.word == "point") {
      points.push_back(line.numbers);
      continue;
    }
    CHECK(hypervolume(points, Losses(points[0].size(), 1.25)) == Approx(line.numbers[0]).epsilon(1e-12));
    points.clear();
  }
}

TEST_CASE("what doesn't dominate the reference covers nothing") {
  CHECK(hypervolume({{0, 2}, {0.5, 0.5}}, {1, 1}) == 0.25);
  CHECK(hypervolume({}, {1, 1}) == 0);
}

TEST_CASE("those that cover most together, one after the other") {
  const std::vector<Losses> trials{{0, 9}, {1, 8}, {5, 5}, {8, 1}, {5, 5}};
  CHECK(greatest_hypervolume(trials, 3, {10, 10}) == std::vector<std::size_t>{2, 1, 3});
  CHECK(greatest_hypervolume(trials, 5, {10, 10}) == std::vector<std::size_t>{0, 1, 2, 3, 4});
}

}  // namespace
}  // namespace nn::search
