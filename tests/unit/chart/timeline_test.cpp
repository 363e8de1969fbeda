#include "chart/timeline.hpp"

#include "catch.hpp"
#include "sample.hpp"

namespace nn::chart {
namespace {

TEST_CASE("a slot is busy while a trial runs on it") {
  const Timeline timeline = timeline_of(sample(20));
  REQUIRE(timeline.slots.size() == 2);
  CHECK(timeline.slots[0].name == "cpu:2");
  CHECK(timeline.slots[1].name == "cpu:10");
  CHECK(timeline.seconds == 100);
  CHECK(timeline.slots[0].busy == Approx(0.5));
  CHECK(timeline.slots[1].busy == Approx(1));
  CHECK(timeline.busy == Approx(0.75));
  CHECK(timeline.pauses == 0);
}

TEST_CASE("trials on one slot at the same time count once") {
  Results results = sample(4);
  for (Result& trial : results.trials) {
    trial.slot = 0;
    trial.begin_s = 0;
    trial.end_s = 10;
  }
  results.slots.resize(1);
  CHECK(timeline_of(results).busy == Approx(1));
}

TEST_CASE("a time in which nobody had it run is cut out") {
  Results results = sample(20);
  for (std::size_t t = 10; t < 20; ++t) {
    results.trials[t].begin_s += 86400;
    results.trials[t].end_s += 86400;
  }
  const Timeline timeline = timeline_of(results);
  CHECK(timeline.seconds == Approx(100));
  CHECK(timeline.busy == Approx(0.75));
  CHECK(timeline.pauses == 1);
  CHECK(timeline.pause_seconds == Approx(86400));
  REQUIRE(timeline.cuts.size() == 1);
  CHECK(timeline.cuts[0] == Approx(50));
}

TEST_CASE("trials without times are on no slot") {
  Results results = sample(3);
  for (Result& trial : results.trials) trial.begin_s = trial.end_s = none;
  CHECK(timeline_of(results).slots.empty());
  CHECK(timeline_of(sample(0)).slots.empty());
}

}  // namespace
}  // namespace nn::chart
