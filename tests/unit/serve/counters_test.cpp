#include "serve/counters.hpp"

#include <fmt/format.h>

#include <thread>
#include <tuple>
#include <vector>

#include "catch.hpp"
#include "serve/history.hpp"

using namespace nn;
using namespace nn::serve;
using std::chrono::microseconds;

TEST_CASE("buckets of times cover all, and end where they say", "[counters]") {
  std::uint64_t before = 0;
  for (std::size_t i = 0; i + 1 < TimeBuckets::count; ++i) {
    const std::uint64_t end = TimeBuckets::end_us(i);
    CHECK(end > before);
    CHECK(TimeBuckets::of(microseconds(end)) == i);
    CHECK(TimeBuckets::of(microseconds(end + 1)) == i + 1);
    CHECK(static_cast<double>(end - before) <= std::max(1.0, static_cast<double>(end) / 16));
    before = end;
  }
  CHECK(TimeBuckets::of(microseconds(-5)) == 0);
  CHECK(TimeBuckets::of(std::chrono::hours(9)) == TimeBuckets::count - 1);
}

TEST_CASE("the bounds of metrics are ends of buckets", "[counters]") {
  for (std::uint64_t bound = 50; bound < 10'000'000; bound *= 2) {
    TimeHistogram histogram;
    histogram.add(microseconds(bound));
    histogram.add(microseconds(bound + 1));
    TimeCounts counts;
    counts.add(histogram);
    CHECK(counts.at_most_us(bound) == 1);
    CHECK(counts.count() == 2);
  }
}

TEST_CASE("quantiles are within a sixteenth", "[counters]") {
  TimeHistogram histogram;
  for (int us = 1; us <= 1000; ++us) histogram.add(microseconds(us));
  TimeCounts counts;
  counts.add(histogram);
  CHECK(counts.sum_us() == 500500);
  CHECK(static_cast<double>(counts.quantile_us(0.5)) == Approx(500).epsilon(1.0 / 16));
  CHECK(static_cast<double>(counts.quantile_us(0.99)) == Approx(990).epsilon(1.0 / 16));
  CHECK(TimeCounts().quantile_us(0.5) == 0);
  histogram.add(microseconds(7));
  TimeCounts later;
  later.add(histogram);
  CHECK(later.since(counts).count() == 1);
  CHECK(later.since(counts).quantile_us(0.5) == 7);
}

TEST_CASE("outcomes are counted apart, and of too many routes together", "[counters]") {
  Outcomes outcomes;
  for (int i = 0; i < 3; ++i) outcomes.count(Protocol::v1, false, 200, "canary");
  outcomes.count(Protocol::v1, false, 503, "canary");
  outcomes.count(Protocol::grpc_v2, true, 0, "");
  for (int i = 0; i < 1000; ++i) outcomes.count(Protocol::v2, false, 200, "arm" + std::to_string(i));
  std::size_t entries = 0;
  std::uint64_t sum = 0;
  outcomes.for_each([&](const Outcome& outcome, std::uint64_t count) {
    ++entries;
    sum += count;
    if (outcome.route == "canary" && outcome.code == 200) CHECK(count == 3);
  });
  CHECK(sum == 1005);
  CHECK(entries < 300);
}

TEST_CASE("threads count without each other, and sums are exact", "[counters]") {
  constexpr int threads = 4, requests = 20000;
  Counters counters;
  std::vector<std::thread> running;
  for (int t = 0; t < threads; ++t) {
    running.emplace_back([&counters] {
      Counters::Thread& thread = counters.add_thread();
      const auto version = thread.of("digits", 3);
      for (int i = 0; i < requests; ++i) {
        version->started.add();
        version->total.add(microseconds(i));
        version->outcomes.count(Protocol::v2, false, i % 10 == 0 ? 503 : 200, {});
      }
      thread.others.count(Protocol::plain, false, 404, {});
    });
  }
  for (int i = 0; i < 50; ++i) {  // while they count
    for (const VersionTotals& version : counters.totals().versions)
      CHECK(version.started + threads >= version.ended);
  }
  for (std::thread& thread : running) thread.join();
  const Totals totals = counters.totals();
  REQUIRE(totals.versions.size() == 1);
  CHECK(totals.versions[0].total.count() == threads * requests);
  CHECK(totals.versions[0].ended == threads * requests);
  CHECK(totals.versions[0].under_way() == 0);
  CHECK(counters.overall().ended == threads * requests + threads);
  REQUIRE(totals.others.size() == 1);
  CHECK(totals.others[0].count == threads);
}

TEST_CASE("devices are counted apart, in each thread and together", "[counters]") {
  Counters counters;
  for (int t = 0; t < 2; ++t) {
    const auto version = counters.add_thread().of("m", 1);
    for (const char* device : {"cpu:0", "cpu:1", "cpu:0"}) {
      DeviceCounters& its = version->device(device);
      its.rows.add(2);
      its.compute.add(microseconds(10));
    }
    CHECK(&version->device("cpu:1") == &version->device("cpu:1"));
  }
  const VersionTotals totals = counters.totals().versions.at(0);
  CHECK(totals.rows == 12);
  CHECK(totals.compute.count() == 6);
  REQUIRE(totals.devices.size() == 2);
  CHECK(totals.devices[0].device == "cpu:0");
  CHECK(totals.devices[0].rows == 8);
  CHECK(totals.devices[0].compute.count() == 4);
  CHECK(totals.devices[1].rows == 4);
}

namespace {

std::string versions_told(const Counters& counters) {
  std::string out;
  for (const VersionTotals& version : counters.totals().versions)
    out += fmt::format("{}/{} ", version.model, version.version);
  return out;
}

}  // namespace

TEST_CASE("versions that are gone are forgotten after a while, and when there are many", "[counters]") {
  Counters counters;
  Counters::Thread& thread = counters.add_thread();
  Counters::Thread& other = counters.add_thread();
  const auto kept = thread.of("m", 1);
  CHECK(thread.of("m", 1) == kept);
  for (std::uint64_t number = 2; number <= 6; ++number) thread.of("m", number)->last_ms.set(100 + number);
  other.of("m", 2)->last_ms.set(110);  // later than all others
  thread.of("n", 1)->last_ms.set(50);
  for (const auto& [served, oldest_ms, most, told] : std::vector<std::tuple<int, int, int, std::string>>{
           {6, 40, 5, "m/1 m/2 m/3 m/4 m/5 m/6 n/1 "},
           {6, 60, 5, "m/1 m/2 m/3 m/4 m/5 m/6 "},
           {6, 60, 2, "m/1 m/2 m/5 m/6 "},
           {0, 60, 1, "m/1 m/2 "},
           {0, 111, 1, "m/1 "},
       }) {
    counters.forget(
        [served = served](const std::string&, std::uint64_t version) {
          return version != static_cast<std::uint64_t>(served);
        },
        static_cast<std::uint64_t>(oldest_ms), static_cast<std::size_t>(most));
    CHECK(versions_told(counters) == told);
  }
}

TEST_CASE("sums of a server and of a model don't fall when versions are forgotten", "[counters]") {
  Counters counters;
  for (int t = 0; t < 2; ++t) {
    Counters::Thread& thread = counters.add_thread();
    const auto version = thread.of("m", 1);
    version->outcomes.count(Protocol::v2, false, 503, {});
    version->total.add(microseconds(10));
    version->shed[0].add(3);
    thread.others.count(Protocol::plain, false, 404, {});
  }
  for (const bool forgotten : {false, true}) {
    INFO(forgotten);
    if (forgotten) counters.forget([](const std::string&, std::uint64_t) { return true; }, 0, 0);
    CHECK(counters.totals().versions.size() == (forgotten ? 0 : 1));
    CHECK(counters.totals().shed["m"][0] == 6);
    const VersionTotals all = counters.overall();
    CHECK(all.ended == 4);
    CHECK(all.total.count() == 2);
    CHECK(faults_of(all) == 2);
  }
}

TEST_CASE("history has rates of what came since the last sample", "[counters]") {
  Counters counters;
  const auto version = counters.add_thread().of("m", 1);
  History history;
  Clock::time_point now{std::chrono::seconds(100)};
  history.sample(counters.overall(), now);
  CHECK(history.samples().empty());
  for (int i = 0; i < 50; ++i) {
    version->total.add(microseconds(200));
    version->outcomes.count(Protocol::v1, false, i == 0 ? 500 : 200, {});
  }
  history.sample(counters.overall(), now += std::chrono::seconds(5));
  history.sample(counters.overall(), now += std::chrono::seconds(5));
  const auto samples = history.samples();
  REQUIRE(samples.size() == 2);
  CHECK(samples[0].rate == Approx(10));
  CHECK(samples[0].faults == Approx(0.2));
  CHECK(samples[0].p50_us == 200);
  CHECK(samples[1].rate == 0);
  CHECK(samples[1].p99_us == 0);
}
