#include "chart/scale.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cfloat>
#include <cmath>

#include "catch.hpp"

namespace nn::chart {
namespace {

std::string labels(const std::vector<Tick>& ticks) {
  std::vector<std::string> named;
  for (const Tick& tick : ticks) {
    if (!tick.label.empty()) named.push_back(tick.label);
  }
  return fmt::format("{}", fmt::join(named, " "));
}

TEST_CASE("ticks are round numbers") {
  struct Case {
    Scale::Is is;
    double low, high;
    int about;
    bool whole;
    std::string ticks;
  };
  const auto linear = Scale::Is::linear, log = Scale::Is::log;
  for (const Case& c :
       {Case{linear, 0, 1, 5, false, "0 0.2 0.4 0.6 0.8 1.0"},
        Case{linear, 0.783, 0.972, 5, false, "0.80 0.85 0.90 0.95"},
        Case{linear, -5, 10, 6, false, "-4 -2 0 2 4 6 8 10"},
        Case{linear, 0, 59, 5, true, "0 10 20 30 40 50"}, Case{linear, 0, 3, 8, true, "0 1 2 3"},
        Case{linear, 0, 3e7, 4, false, "0 1e7 2e7 3e7"},
        Case{linear, 1e-7, 5e-7, 4, false, "1e-7 2e-7 3e-7 4e-7 5e-7"},
        Case{log, 1e-4, 1e-1, 5, false, "1e-4 0.001 0.01 0.1"},
        Case{log, 1e-6, 1e-2, 3, false, "1e-6 1e-4 0.01"}, Case{log, 16, 256, 4, true, "20 50 100 200"},
        Case{log, 1, 9, 4, true, "1 2 5"}, Case{log, 2.1, 2.9, 4, false, "2.2 2.4 2.6 2.8"},
        Case{log, 1e-300, 1e300, 4, false, "1e-300 1e-149 100 1e153"}}) {
    INFO(c.low << " to " << c.high);
    CHECK(labels(Scale(c.is, c.low, c.high, 0, 100, c.whole).ticks(c.about)) == c.ticks);
  }
}

TEST_CASE("a scale goes both ways, and is finite for any numbers") {
  const Scale log(Scale::Is::log, 1e-4, 1e-1, 0, 300);
  CHECK(log(1e-3) == Approx(100));
  CHECK(log.value_at(200) == Approx(1e-2));
  const Scale down(Scale::Is::linear, 0, 10, 100, 0);
  CHECK(down(2.5) == Approx(75));
  CHECK(down.value_at(75) == Approx(2.5));
  const Scale choices({"a", "b", "c", "d"}, 0, 80);
  CHECK(choices(0) == Approx(10));
  CHECK(choices(3) == Approx(70));

  const double hostile[] = {0, -1, 1, DBL_MAX, -DBL_MAX, DBL_MIN, 5e-324, -5e-324, 1e17, 0.1};
  for (const auto is : {Scale::Is::linear, Scale::Is::log}) {
    for (const double low : hostile) {
      for (const double high : hostile) {
        for (const bool whole : {false, true}) {
          const Scale scale(is, low, high, 0, 100, whole);
          INFO(low << " to " << high);
          CHECK(scale.low() < scale.high());
          for (const double value : hostile) CHECK(std::isfinite(scale(value)));
          CHECK(scale.ticks(5).size() <= 700);
        }
      }
    }
  }
}

TEST_CASE("numbers and durations have few digits") {
  CHECK(short_number(0.97312345) == "0.97312");
  CHECK(short_number(1.23e-5) == "1.23e-05");
  CHECK(short_number(std::nan("")) == "NaN");
  CHECK(short_number(-INFINITY) == "-inf");
  CHECK(duration_text(0.25) == "250 ms");
  CHECK(duration_text(59.94) == "59.9 s");
  CHECK(duration_text(250) == "4 min 10 s");
  CHECK(duration_text(3600) == "1 h");
  CHECK(duration_text(90061) == "1 d 1 h");
  CHECK(duration_text(std::nan("")) == "?");
}

TEST_CASE("what is far worse than the others is beyond the axis, and what is far better is not") {
  CHECK(robust_span({}, false) == Span{0, 1, 0});
  CHECK(robust_span({3, 1, 2}, false) == Span{1, 3, 0});
  CHECK(robust_span({1, 2, 3, 4, 5, 1e9}, false) == Span{1, 5, 1});
  CHECK(robust_span({1, 2, 3, 4, 5, 1e9}, true) == Span{1, 1e9, 0});
  CHECK(robust_span({1, 2, 3, 4, 5, -1e9}, true) == Span{1, 5, 1});
  CHECK(robust_span({1, 1, 1, 1, 1, 1}, true) == Span{1, 1, 0});
  CHECK(robust_span({-DBL_MAX, DBL_MAX, -DBL_MAX, DBL_MAX, 0}, true).beyond == 0);
}

}  // namespace
}  // namespace nn::chart
