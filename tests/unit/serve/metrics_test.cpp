#include "serve/metrics.hpp"

#include <map>

#include "../serving/fake_servable.hpp"
#include "base/text.hpp"
#include "catch.hpp"
#include "serve/metrics_families.hpp"

using namespace nn;
using namespace nn::serve;

namespace {

// Samples by their series, of which none may come twice: Prometheus takes none of them then.
std::map<std::string, std::string> series_of(MetricsText& text) {
  std::map<std::string, std::string> series;
  for (const std::string& line : split_lines(text.take())) {
    if (line.empty() || line[0] == '#') continue;
    const std::size_t space = line.rfind(' ');
    INFO(line);
    CHECK(series.emplace(line.substr(0, space), line.substr(space + 1)).second);
  }
  return series;
}

VersionTotals some_version(std::string model, std::uint64_t number) {
  VersionTotals version;
  version.model = std::move(model);
  version.version = number;
  TimeHistogram times;
  times.add(std::chrono::microseconds(70));
  for (const char* device : {"cpu:0", "cpu:1"}) {
    VersionTotals::Device& its = version.devices.emplace_back();
    its.device = device;
    its.rows = 3;
    its.compute.add(times);
  }
  return version;
}

// One that has members on devices, as an ensemble has.
class WithMembers : public test::FakeServable {
 public:
  using FakeServable::FakeServable;
  serving::LoadReport report() const override {
    serving::LoadReport report;
    report.weight_bytes = 400;
    report.step_bytes = 1000;
    for (const char* device : {"cpu:0", "cpu:1", "cpu:0"}) {
      serving::DeviceLoad& load = report.devices.emplace_back();
      load.device = device;
      load.steps_by_rows = {1, 0, 2, 0, 1};
      load.steps = 4;
      load.rows = 20;
      load.own_waiting_rows = 7;
      load.waiting_rows = 1000;
    }
    return report;
  }
};

serving::Catalog catalog_of(std::shared_ptr<serving::Servable> servable) {
  using Models = std::map<std::string, serving::ModelEntry, std::less<>>;
  Models models;
  auto& versions = models["both"].versions;
  versions[1] = {serving::VersionState::available, std::move(servable)};
  versions[2] = {serving::VersionState::end, nullptr};
  return {serving::SnapshotMap<serving::ModelEntry>(std::move(models))};
}

}  // namespace

TEST_CASE("what two versions of a model refused is one sum", "[metrics]") {
  Counters counters;
  Counters::Thread& thread = counters.add_thread();
  thread.of("m", 1)->shed[0].add(1);
  thread.of("m", 2)->shed[0].add(2);
  thread.of("n", 1)->shed[0].add(1);
  thread.shed[0].add(5);
  const Totals totals = counters.totals();
  MetricsText text(false);
  add_load(text, totals, nullptr);
  auto series = series_of(text);
  CHECK(series[R"(nn_serve_shed_total{model="m",reason="queue"})"] == "3");
  CHECK(series[R"(nn_serve_shed_total{model="n",reason="queue"})"] == "1");
  CHECK(series[R"(nn_serve_shed_total{model="",reason="queue"})"] == "5");
  CHECK(series[R"(nn_serve_shed_total{model="n",reason="memory"})"] == "0");
}

TEST_CASE("rows and times of computing have their device", "[metrics]") {
  Totals totals;
  totals.versions = {some_version("m", 1)};
  MetricsText text(false);
  add_requests(text, totals);
  auto series = series_of(text);
  for (const std::string device : {"cpu:0", "cpu:1"}) {
    const std::string of = R"(model="m",version="1",device=")" + device + '"';
    CHECK(series["nn_serve_rows_total{" + of + "}"] == "3");
    CHECK(series["nn_serve_compute_duration_seconds_count{" + of + "}"] == "1");
    CHECK(series["nn_serve_compute_duration_seconds_bucket{" + of + R"(,le="5e-05"})"] == "0");
    CHECK(series["nn_serve_compute_duration_seconds_bucket{" + of + R"(,le="0.0001"})"] == "1");
  }
}

TEST_CASE("members of an ensemble that share a device are one there", "[metrics]") {
  const serving::Catalog catalog = catalog_of(std::make_shared<WithMembers>("both", 1));
  MetricsText text(false);
  add_devices(text, catalog, 1000);
  auto series = series_of(text);
  const std::string of = R"(model="both",version="1",device="cpu:0")";
  const auto bucket = [&](const std::string& bound) {
    return series["nn_serve_batch_rows_bucket{" + of + R"(,le=")" + bound + R"("})"];
  };
  CHECK(bucket("1.0") == "2");
  CHECK(bucket("2.0") == "2");
  CHECK(bucket("4.0") == "6");
  CHECK(bucket("16.0") == "8");
  CHECK(bucket("+Inf") == "8");
  CHECK(series["nn_serve_batch_rows_sum{" + of + "}"] == "40");
  CHECK(series["nn_serve_batch_rows_count{" + of + "}"] == "8");
  CHECK(series["nn_serve_batches_total{" + of + "}"] == "8");
  CHECK(series["nn_serve_queue_rows{" + of + "}"] == "14");
  CHECK(series[R"(nn_serve_batches_total{model="both",version="1",device="cpu:1"})"] == "4");
}

TEST_CASE("versions have what they take, and times of loading while they are there", "[metrics]") {
  const serving::Catalog catalog = catalog_of(std::make_shared<WithMembers>("both", 1));
  LoadRecords loads;
  loads.add("both", 1, true, 0.5);
  loads.add("both", 7, true, 0.25);  // gone since
  loads.add("gone", 1, false, 0);
  MetricsText text(false);
  add_versions(text, catalog, loads, 0);
  auto series = series_of(text);
  CHECK(series[R"(nn_serve_model_bytes{model="both",version="1",kind="weights"})"] == "400");
  CHECK(series[R"(nn_serve_model_bytes{model="both",version="1",kind="steps"})"] == "1000");
  CHECK(series[R"(nn_serve_model_state{model="both",version="2",state="END"})"] == "1");
  CHECK(series[R"(nn_serve_model_load_seconds{model="both",version="1"})"] == "0.5");
  CHECK(series.count(R"(nn_serve_model_load_seconds{model="both",version="7"})") == 0);
  CHECK(series[R"(nn_serve_model_loads_total{model="gone",result="failure"})"] == "1");
  CHECK(series.count("nn_serve_model_memory_limit_bytes") == 0);
}

TEST_CASE("a limit for models is told with how often each made room", "[metrics]") {
  const serving::Catalog catalog = catalog_of(std::make_shared<WithMembers>("both", 1));
  LoadRecords loads;
  loads.add("both", 1, true, 0.5);
  for (int i = 0; i < 2; ++i) loads.add_eviction("gone");
  MetricsText text(false);
  add_versions(text, catalog, loads, 3'000'000'000);
  auto series = series_of(text);
  CHECK(series["nn_serve_model_memory_limit_bytes"] == "3000000000");
  CHECK(series[R"(nn_serve_model_evictions_total{model="both"})"] == "0");
  CHECK(series[R"(nn_serve_model_evictions_total{model="gone"})"] == "2");
}
