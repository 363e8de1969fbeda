// Splits into good and bad trials, which are Optuna's, and what comes of them.
#include "search/tpe.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "golden.hpp"

namespace nn::search {
namespace {

TEST_CASE("trials are split as Optuna splits them") {
  History history;
  std::size_t checked = 0;
  for (const GoldenLine& line : read_golden("splits")) {
    const auto& n = line.numbers;
    if (line.word == "objectives") {
      history = History(0, static_cast<std::size_t>(n[0]));
    } else if (line.word == "trial") {
      history.add(static_cast<std::uint32_t>(history.size()), static_cast<TrialState>(n[0]), {},
                  {n.begin() + 4, n.end()}, n[1], n[2], n[3]);
    } else {
      std::vector<std::size_t> below;
      for (std::size_t i = 1; i < n.size(); ++i) below.push_back(static_cast<std::size_t>(n[i]));
      INFO(history.values.size() << " objectives, " << n[0] << " below");
      const TpeSplit split = split_trials(history, static_cast<std::size_t>(n[0]));
      CHECK(split.below == below);
      CHECK(split.above.size() == history.size() - below.size());
      ++checked;
    }
  }
  CHECK(checked == 31);
}

TEST_CASE("a tenth is good, and at most 25 of one objective") {
  const auto optuna = TpeVariant::optuna;
  CHECK(count_below(0, 1, optuna) == 0);
  CHECK(count_below(1, 1, optuna) == 1);
  CHECK(count_below(30, 1, optuna) == 3);
  CHECK(count_below(31, 1, optuna) == 4);
  CHECK(count_below(1000, 1, optuna) == 25);
  CHECK(count_below(1000, 2, optuna) == 100);
  CHECK(count_below(20, 1, TpeVariant::watanabe) == 3);
}

// Trials of a parabola with its minimum at 2.
History parabola(std::size_t trials) {
  History history(1);
  RandomStream random(5, RandomUse::propose);
  for (std::uint32_t t = 0; t < trials; ++t) {
    const double x = 20 * random.uniform() - 10;
    history.add(t, TrialState::complete, {x}, {(x - 2) * (x - 2)});
  }
  return history;
}

TEST_CASE("candidates are where trials were good, and what runs is kept away from") {
  const Space space = Space::parse({"x=uniform:-10:10"});
  for (const TpeVariant variant : {TpeVariant::optuna, TpeVariant::watanabe}) {
    for (const std::size_t trials : {60U, 12000U}) {
      History history = parabola(trials);
      const auto mean = [&] {
        double sum = 0;
        for (std::uint64_t i = 0; i < 40; ++i) {
          RandomStream random(6, RandomUse::propose, i);
          sum += Tpe(space, history, variant).candidates({0}, random)[0][0] / 40;
        }
        return sum;
      };
      const double before = mean();
      CHECK(before == Approx(2).margin(1));
      // Others try just that: there, so many are bad.
      const auto count = static_cast<std::uint32_t>(trials / 2);
      for (std::uint32_t t = 0; t < count; ++t) {
        history.add(t + 20000, TrialState::running, {2}, {std::numeric_limits<double>::quiet_NaN()});
      }
      RandomStream random(7, RandomUse::propose);
      const double near = Tpe(space, history, variant).candidates({0}, random)[0][0];
      CHECK(std::abs(near - 2) > 0.1);
    }
  }
}

TEST_CASE("candidates of a grid are different from each other") {
  const Space space = Space::parse({"n=int:1:3", "c=choice:a,b"});
  const History history(2);
  RandomStream random(8, RandomUse::propose);
  const auto candidates = Tpe(space, history).candidates({0, 1}, random);
  CHECK(candidates.size() == 6);
}

TEST_CASE("with several objectives each parameter is proposed by itself") {
  const Space space = Space::parse({"n=int:1:3", "c=choice:a,b"});
  CHECK(Tpe(space, History(2, 1)).groups().size() == 1);
  CHECK(Tpe(space, History(2, 2)).groups() == std::vector<std::vector<std::size_t>>{{0}, {1}});
}

}  // namespace
}  // namespace nn::search
