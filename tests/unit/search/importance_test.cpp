#include "search/importance.hpp"

#include <vector>

#include "base/random.hpp"
#include "catch.hpp"
#include "golden.hpp"

namespace nn::search {
namespace {

TEST_CASE("importances are Optuna's") {
  const Space space = Space::parse({"a=uniform:-3:3", "b=loguniform:1e-4:1", "i=int:1:9", "j=intlog:8:512",
                                    "c=choice:x,y,z", "q=quniform:0:10:0.125", "extra=uniform:0:1 if c=x"});
  History history;
  std::size_t checked = 0;
  for (const GoldenLine& line : read_golden("importances")) {
    const auto& n = line.numbers;
    if (line.word == "objectives") {
      history = History(space.size(), static_cast<std::size_t>(n[0]));
    } else if (line.word == "trial") {
      history.add(static_cast<std::uint32_t>(history.size()), TrialState::complete,
                  {n.begin(), n.begin() + 7}, {n.begin() + 7, n.end()});
    } else {
      const auto found = importances(space, history);
      for (std::size_t p = 0; p < space.size(); ++p) {
        INFO(history.size() << " trials, " << space.parameters()[p].name);
        CHECK(found[p] == Approx(n[p]).epsilon(1e-9).margin(1e-12));
      }
      ++checked;
    }
  }
  CHECK(checked == 3);
}

TEST_CASE("one of several objectives by itself, and too few trials") {
  const Space space = Space::parse({"a=uniform:0:1", "b=uniform:0:1", "one=const:1"});
  History history(3, 2);
  CHECK(importances(space, history) == std::vector<double>{0, 0, 0});
  RandomStream random(1, RandomUse::propose);
  for (std::uint32_t t = 0; t < 200; ++t) {
    const double a = random.uniform(), b = random.uniform();
    history.add(t, TrialState::complete, {a, b, 0}, {a, b});
  }
  const auto of_a = importances(space, history, 0), of_b = importances(space, history, 1);
  CHECK(of_a[0] > 10 * of_a[1]);
  CHECK(of_b[1] > 10 * of_b[0]);
  CHECK(of_a[2] == 0);
}

}  // namespace
}  // namespace nn::search
