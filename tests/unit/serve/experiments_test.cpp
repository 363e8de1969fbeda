// What a judge hears of versions beside their requests.
#include "serve/experiments.hpp"

#include <fstream>

#include "../manual_clock.hpp"
#include "../model/models.hpp"
#include "../serving/fake_servable.hpp"
#include "catch.hpp"
#include "repository/labels.hpp"

using namespace nn;
using namespace nn::serve;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

struct NotFinite : test::FakeServable {
  using FakeServable::FakeServable;
  serving::LoadReport report() const override {
    serving::LoadReport report;
    report.finite = false;
    return report;
  }
};

// On a machine that is `load` times as slow while its steps are computed, which costs change from one moment
// to the next.
struct Costly : test::FakeServable {
  Costly(std::uint64_t version, double its_us, double& its_load)
      : FakeServable("iris", version), us(its_us), load(its_load) {}
  std::optional<std::chrono::nanoseconds> try_step(std::int64_t rows) override {
    if (rows > 64) return std::nullopt;
    load = load < 1 ? 16 : load / 1.03;
    return std::chrono::nanoseconds(std::llround(1000 * us * load * static_cast<double>(rows)));
  }
  double us;
  double& load;
};

// A model with a judge, of which version 1 is the stable one.
struct Fixture {
  test::Scratch scratch;
  std::string base = scratch / "iris";
  test::ManualClock clock;
  serving::EventLog log{""};
  serving::CatalogHolder catalog;
  std::map<std::uint64_t, serving::VersionEntry> versions;
  Experiments experiments{{}, catalog, log, [] {}, clock};

  Fixture() {
    fs::create_directories(base);
    std::ofstream(base + "/traffic.toml") << "[canary]\nauto = true\nsteps = [10, 100]\n";
    serve(1, std::make_shared<test::FakeServable>("iris", 1));
  }
  // In place of what is served.
  void replace(std::uint64_t version, std::shared_ptr<serving::Servable> servable) {
    versions[version].servable = std::move(servable);
  }
  void serve(std::uint64_t version, std::shared_ptr<serving::Servable> servable) {
    fs::create_directories(base + "/" + std::to_string(version));
    std::ofstream(base + "/" + std::to_string(version) + "/model.nn") << "a model";
    versions[version] = {serving::VersionState::available, std::move(servable)};
    look();
  }
  void look() {
    serving::ModelEntry entry;
    entry.versions = versions;
    entry.labels = repository::read_labels(base).versions;
    entry.base = base;
    std::map<std::string, serving::ModelEntry, std::less<>> models;
    models["iris"] = entry;
    catalog.set(std::make_shared<const serving::Catalog>(
        serving::Catalog{serving::SnapshotMap<serving::ModelEntry>(std::move(models))}));
    clock.advance(1s);
    experiments.look();
  }
  std::string history() const { return test::read_file(base + "/history.jsonl"); }
};

}  // namespace

TEST_CASE("a version whose answers in warm-up are not finite is never tried", "[experiments]") {
  Fixture f;
  f.serve(2, std::make_shared<NotFinite>("iris", 2));
  CHECK_THAT(f.history(), Catch::Contains("\"verdict\":\"rollback\""));
  CHECK_THAT(f.history(), Catch::Contains("answers of its warm-up are not finite"));
}

TEST_CASE("costs of both versions are measured side by side, whatever the machine does meanwhile",
          "[experiments]") {
  Fixture f;
  double load = 16;
  f.replace(1, std::make_shared<Costly>(1, 50, load));
  const auto [us, verdict] =
      GENERATE(Catch::Generators::table<double, std::string>({{50, "begin"}, {80, "rollback"}}));
  f.serve(2, std::make_shared<Costly>(2, us, load));
  CHECK_THAT(f.history(), Catch::Contains("\"verdict\":\"" + verdict + "\""));
  CHECK(load != 16);
  CHECK((f.history().find("times as long") != std::string::npos) == (verdict == "rollback"));
}

TEST_CASE("costs that nobody asks for are not measured", "[experiments]") {
  Fixture f;
  std::ofstream(f.base + "/traffic.toml")
      << "[canary]\nauto = true\nsteps = [10, 100]\nmin_capacity_ratio = 0\n";
  double load = 16;
  f.replace(1, std::make_shared<Costly>(1, 50, load));
  f.serve(2, std::make_shared<Costly>(2, 80, load));
  CHECK_THAT(f.history(), Catch::Contains("\"verdict\":\"begin\""));
  CHECK(load == 16);
}

TEST_CASE("a version that can't be loaded any more loses its trial", "[experiments]") {
  Fixture f;
  f.serve(2, std::make_shared<test::FakeServable>("iris", 2));
  CHECK_THAT(f.history(), Catch::Contains("\"verdict\":\"begin\""));
  // For now, since a disk is missing or somebody let it go: the trial goes on.
  f.versions[2] = {serving::VersionState::end, nullptr, make_error(ErrorKind::io, "it can't be read")};
  f.look();
  f.versions[2] = {serving::VersionState::end, nullptr, data_error("it was let go"), false, false, true};
  f.look();
  CHECK_THAT(f.history(), !Catch::Contains("rollback"));
  f.versions[2] = {serving::VersionState::end, nullptr, data_error("its checksum differs")};
  f.look();
  CHECK_THAT(f.history(), Catch::Contains("\"verdict\":\"rollback\""));
  CHECK_THAT(f.history(), Catch::Contains("what computes it ended"));
}
