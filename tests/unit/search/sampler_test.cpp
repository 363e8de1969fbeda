// What is proposed, by each sampler, in spaces of all kinds.
#include "search/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "catch.hpp"
#include "search/random.hpp"
#include "search/sobol.hpp"

namespace nn::search {
namespace {

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

// Asks for trials one after the other, and tells each its value at once.
struct Study {
  Space space;
  SamplerOptions options;
  History history{space.size()};
  std::uint64_t so_far = 0;

  std::optional<Proposal> ask() {
    RandomStream random(options.seed, RandomUse::propose, so_far);
    return propose(options, space, history, so_far++, random);
  }
  void tell(const Point& point, double value) {
    history.add(static_cast<std::uint32_t>(so_far - 1), TrialState::complete, point, {value});
  }
};

Study study_of(const std::vector<std::string>& lines, SamplerKind kind,
               const std::vector<std::string>& forbidden = {}) {
  Study study{Space::parse(lines, forbidden), {}};
  study.options.kind = kind;
  return study;
}

std::string text_of(const Space& space, const Point& point) {
  std::string text;
  for (std::size_t p = 0; p < space.size(); ++p) text += space.parameters()[p].text_of(point[p]) + ",";
  return text;
}

std::string error_of(Study& study) {
  try {
    study.ask();
  } catch (const Error& error) {
    return std::string(name_of(error.kind())) + ": " + error.what();
  }
  return "";
}

TEST_CASE("values by chance: the ends of a grid are as likely as the rest") {
  const Space space = Space::parse({"n=int:2:4", "q=quniform:0:0.3:0.1", "l=intlog:1:4", "c=choice:a,b,c"});
  RandomStream random(1, RandomUse::propose);
  std::vector<std::map<double, int>> found(4);
  constexpr int count = 40000;
  for (int i = 0; i < count; ++i) {
    const Point point = random_point(space, random);
    for (std::size_t p = 0; p < 4; ++p) ++found[p][point[p]];
  }
  const auto near = [](int n, double part) {
    return std::abs(n - part * count) < 5 * std::sqrt(part * count);
  };
  for (const double n : {2.0, 3.0, 4.0}) CHECK(near(found[0][n], 1.0 / 3));
  for (const double q : {0.0, 0.1, 0.2, 0.3}) CHECK(near(found[1][q], 0.25));
  for (const double l : {1.0, 2.0, 3.0, 4.0}) {
    CHECK(near(found[2][l], (std::log(l + 0.5) - std::log(l - 0.5)) / std::log(9)));
  }
  for (const double c : {0.0, 1.0, 2.0}) CHECK(near(found[3][c], 1.0 / 3));
  CHECK(found[1].size() == 4);
}

TEST_CASE("quantiles of distributions") {
  const Space space =
      Space::parse({"x=uniform:-1:3", "l=loguniform:0.01:100", "g=normal:5:2", "h=lognormal:0:1"});
  const auto at = [&](std::size_t p, double u) { return value_at(space.parameters()[p], u); };
  CHECK(at(0, 0.25) == 0);
  CHECK(at(1, 0.75) == Approx(10));
  CHECK(at(2, 0.5) == Approx(5));
  CHECK(at(2, 0.975) == Approx(5 + 2 * 1.959963984540054).margin(2e-3));
  CHECK(at(2, 0) == Approx(-3));
  CHECK(at(3, 0.5) == Approx(1));
  CHECK(at(3, 1 - 0x1p-53) == Approx(std::exp(4.0)));
}

TEST_CASE("the same of everything is the same proposal") {
  for (const SamplerKind kind : {SamplerKind::random, SamplerKind::sobol, SamplerKind::tpe}) {
    Study a = study_of({"x=uniform:0:1", "n=int:1:100", "c=choice:a,b if n>50"}, kind), b = a, other = a;
    other.options.seed = 1;
    int different = 0;
    for (int i = 0; i < 30; ++i) {
      const auto from_a = a.ask(), from_b = b.ask(), from_other = other.ask();
      const std::string text = text_of(a.space, from_a->point);
      CHECK(text == text_of(b.space, from_b->point));
      different += text != text_of(a.space, from_other->point);
      CHECK(a.space.contains(from_a->point));
      const double value = from_a->point[0] + from_a->point[1];
      a.tell(from_a->point, value);
      b.tell(from_b->point, value);
      other.tell(from_other->point, value);
    }
    CHECK(different == 30);
  }
}

TEST_CASE("Sobol points fill every part of a cube alike, and their place needs no memory") {
  const Space space = Space::parse({"a=uniform:0:1", "b=uniform:0:1", "one=const:7", "c=uniform:0:1"});
  for (const std::uint64_t seed : {0, 1, 2}) {
    // Each of 64 points in its own of 64 intervals, and in its own of 8 x 8 squares of the first two.
    std::set<int> intervals[3], squares;
    for (std::uint64_t i = 0; i < 64; ++i) {
      const Point point = sobol_point(space, seed, i);
      const double x[] = {point[0], point[1], point[3]};
      for (int d = 0; d < 3; ++d) intervals[d].insert(static_cast<int>(x[d] * 64));
      squares.insert(static_cast<int>(x[0] * 8) * 8 + static_cast<int>(x[1] * 8));
      CHECK(point[2] == 0);
    }
    for (const auto& interval : intervals) CHECK(interval.size() == 64);
    CHECK(squares.size() == 64);
  }
  CHECK(sobol_point(space, 0, 5)[0] != sobol_point(space, 1, 5)[0]);
  CHECK(sobol_numbers(3, 1, 100000) != sobol_numbers(3, 1, 100001));
  CHECK(sobol_numbers(3000, 1, 4000000000U).size() == 3000);
  CHECK_THROWS_AS(sobol_numbers(4000, 1, 0), Error);
}

TEST_CASE("a grid has every point once, and what isn't there makes no more of them") {
  Study study = study_of({"depth=int:1:3", "kind=choice:a,b", "extra=ordinal:x,y,z if kind=b", "one=const:1",
                          "fixed=uniform:2:2"},
                         SamplerKind::grid, {"kind=a and depth=2"});
  std::set<std::string> points;
  std::vector<std::string> first;
  while (const auto proposal = study.ask()) {
    CHECK(study.space.contains(proposal->point));
    CHECK(proposal->by == SamplerKind::grid);
    const std::string text = text_of(study.space, proposal->point);
    CHECK(points.insert(text).second);
    if (first.size() < 3) first.push_back(text);
    study.tell(proposal->point, 0);
  }
  CHECK(points.size() == 2 + 3 * 3);
  CHECK(first == std::vector<std::string>{"1,a,,1,2,", "1,b,x,1,2,", "1,b,y,1,2,"});
  CHECK_FALSE(study.ask());
}

TEST_CASE("a grid's place is the trial's, whatever became of those before it") {
  Study study = study_of({"a=int:0:9", "b=int:0:9"}, SamplerKind::grid);
  study.so_far = 42;
  CHECK(study.ask()->point == Point{4, 2});
  study.tell({4, 3}, 0);
  CHECK(study.ask()->point == Point{4, 4});  // where it was put in by hand
  study.so_far = 100;
  CHECK_FALSE(study.ask());
}

TEST_CASE("a grid of what has none") {
  Study study = study_of({"lr=loguniform:0.001:1", "n=intlog:1:100", "x=uniform:0:1"}, SamplerKind::grid);
  CHECK(error_of(study) == "usage: lr: it has no grid; give it a step, or say how many points");
  study.options.grid_points = 4;
  std::set<double> rates, numbers, plain;
  study.so_far = 0;
  while (const auto proposal = study.ask()) {
    rates.insert(proposal->point[0]);
    numbers.insert(proposal->point[1]);
    plain.insert(proposal->point[2]);
  }
  CHECK(study.so_far == 65);
  CHECK(numbers == std::set<double>{1, 5, 22, 100});
  REQUIRE(rates.size() == 4);
  CHECK(*rates.begin() == 0.001);
  CHECK(*std::next(rates.begin()) == Approx(0.01));
  CHECK(*rates.rbegin() == 1);
  CHECK(*std::next(plain.begin()) == Approx(1.0 / 3));
}

TEST_CASE("a space is searched until nothing is left, each point once") {
  const std::vector<std::string> lines{"n=int:1:5", "c=choice:a,b,c,d", "o=ordinal:x,y if c!=a",
                                       "l=intlog:1:3"};
  for (const SamplerKind kind :
       {SamplerKind::random, SamplerKind::sobol, SamplerKind::tpe, SamplerKind::automatic}) {
    Study study = study_of(lines, kind, {"n=5 and c=b"});
    std::set<std::string> points;
    while (const auto proposal = study.ask()) {
      CHECK(study.space.contains(proposal->point));
      CHECK(points.insert(text_of(study.space, proposal->point)).second);
      study.tell(proposal->point, proposal->point[0] * proposal->point[3]);
    }
    CHECK(points.size() == (5 * (1 + 3 * 2) - 2) * 3);
    study.options.allow_duplicates = true;
    CHECK(study.ask());
  }
}

TEST_CASE("a trial that differs only by rounding is the same") {
  Study study = study_of({"q=quniform:0:0.3:0.1"}, SamplerKind::random);
  for (const double q : {0.0, 0.1, 0.30000000000000004}) study.tell({q}, 1);
  CHECK(study.ask()->point == Point{0.2});
  study.tell({0.2}, 1);
  CHECK_FALSE(study.ask());
}

TEST_CASE("a space without anything to search has one point") {
  Study study = study_of({"c=const:a b", "n=int:3:3"}, SamplerKind::tpe);
  study.options.startup = 0;
  const auto proposal = study.ask();
  REQUIRE(proposal);
  CHECK(proposal->point == Point{0, 3});
  study.tell(proposal->point, 1);
  CHECK_FALSE(study.ask());
}

TEST_CASE("what can't be searched says so") {
  Study most = study_of({"x=uniform:0:1", "c=choice:a,b"}, SamplerKind::tpe, {"x<2"});
  CHECK(error_of(most) ==
        "data: of 100 points by chance none may be tried: what is forbidden leaves too little; conditions or "
        "narrower ranges say the same without any search");
  Study little = study_of({"n=int:1:10000", "c=choice:a,b"}, SamplerKind::tpe, {"n>1", "c=b"});
  CHECK(little.ask()->point == Point{1, 0});  // one of 20,000, which are counted
}

TEST_CASE("trials begin evenly, and then go where it is good") {
  Study study =
      study_of({"x=uniform:-5:5", "way=choice:a,b,c", "y=loguniform:0.001:10 if way=b"}, SamplerKind::tpe);
  double best = 1e9;
  int of_b = 0;
  for (int i = 0; i < 120; ++i) {
    const auto proposal = study.ask();
    REQUIRE(proposal);
    CHECK(study.space.contains(proposal->point));
    CHECK(proposal->by == (i < 10 ? SamplerKind::sobol : SamplerKind::tpe));
    const double x = proposal->point[0], y = proposal->point[2];
    const double value = x * x + (std::isnan(y) ? 3 : std::pow(std::log10(y) + 1, 2));
    best = std::min(best, value);
    of_b += i >= 60 && !std::isnan(y);
    study.tell(proposal->point, value);
  }
  CHECK(best < 0.1);
  CHECK(of_b > 40);
}

TEST_CASE("running trials count for the beginning only when they ended") {
  Study study = study_of({"x=uniform:0:1"}, SamplerKind::tpe);
  for (int i = 0; i < 20; ++i) {
    const auto proposal = study.ask();
    CHECK(proposal->by == SamplerKind::sobol);
    study.history.add(static_cast<std::uint32_t>(i), TrialState::running, proposal->point, {nothing});
  }
}

TEST_CASE("names of samplers") {
  CHECK(enum_names(SamplerKind{}).parse("auto") == SamplerKind::automatic);
  CHECK(enum_names(SamplerKind{}).parse("cmaes") == SamplerKind::cmaes);
  CHECK(enum_names(TpeVariant{}).parse("watanabe") == TpeVariant::watanabe);
}

}  // namespace
}  // namespace nn::search
