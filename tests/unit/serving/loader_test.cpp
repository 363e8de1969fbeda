#include "serving/loader.hpp"

#include <filesystem>
#include <fstream>

#include "../manual_clock.hpp"
#include "../model/models.hpp"
#include "catch.hpp"
#include "fake_servable.hpp"

using namespace nn;
using namespace nn::serving;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

// A repository in a folder, whose files are words: "good", or what opening them throws.
struct Fixture {
  test::Scratch scratch;
  test::ManualClock clock;
  EventLog log{""};
  CatalogHolder catalog;
  std::vector<std::string> opened;
  std::string pictures;  // of the states that the catalog went through
  std::string policy = "latest";

  Fixture() { fs::create_directories(scratch / "base"); }

  void put(std::uint64_t version, const std::string& word) {
    fs::create_directories(scratch / ("base/" + std::to_string(version)));
    std::ofstream(scratch / file(version)) << word;
  }
  static std::string file(std::uint64_t version) { return "base/" + std::to_string(version) + "/model.nn"; }
  void remove(std::uint64_t version) { fs::remove_all(scratch / ("base/" + std::to_string(version))); }

  std::unique_ptr<Servable> open(const std::string& name, const repository::FoundVersion& version) {
    std::string word;
    std::ifstream(version.path) >> word;
    opened.push_back(std::to_string(version.version) + word);
    if (word == "corrupt") fail_data("its checksum differs");
    if (word == "forbidden") nn::fail(ErrorKind::io, "Permission denied");
    if (word == "hungry") throw std::bad_alloc();
    return std::make_unique<test::FakeServable>(name, version.version);
  }
  LoaderOptions options() {
    LoaderOptions out;
    out.models = {repository::parse_repository_spec("m=" + (scratch / "base"))};
    out.models[0].policy = repository::parse_version_policy(policy);
    out.open = [this](const std::string& name, const repository::FoundVersion& version) {
      return open(name, version);
    };
    return out;
  }
  std::string picture() const {
    std::string out;
    for (const auto& [version, entry] : catalog.get()->models.at("m").versions) {
      out += (out.empty() ? "" : " ") + std::to_string(version) + std::string(name_of(entry.state));
    }
    return out;
  }
};

// A loader whose work is done in the test's thread.
struct Run {
  Fixture& f;
  Loader loader;
  explicit Run(Fixture& fixture)
      : f(fixture),
        loader(
            fixture.options(), fixture.log, fixture.catalog,
            [&fixture] {
              if (fixture.catalog.get()->models.empty()) return;
              const std::string now = fixture.picture();
              if (!now.empty()) fixture.pictures += "[" + now + "]";
            },
            fixture.clock) {}
  void look() { loader.load_all(); }
};

}  // namespace

TEST_CASE("a version goes from loading to available, and the one before it goes then") {
  Fixture f;
  f.put(1, "good");
  Run run(f);
  run.look();
  CHECK(f.picture() == "1AVAILABLE");
  f.put(2, "good");
  f.pictures.clear();
  const auto user = f.catalog.get()->find("m").servable;
  run.look();
  CHECK(f.pictures.starts_with(
      "[1AVAILABLE][1AVAILABLE 2LOADING][1AVAILABLE 2AVAILABLE][1UNLOADING 2AVAILABLE]"));
  CHECK(f.catalog.get()->find("m").servable->version() == 2);
  CHECK(user->version() == 1);
}

TEST_CASE("a version that can't be loaded has a reason, and the next best is served") {
  Fixture f;
  f.put(1, "good");
  f.put(2, "good");
  f.put(3, "corrupt");
  Run run(f);
  run.look();
  CHECK(f.picture() == "2AVAILABLE 3END");
  CHECK(f.catalog.get()->find("m").servable->version() == 2);
  const auto found = f.catalog.get()->find("m", 3);
  REQUIRE(found.absence);
  CHECK_THAT(found.absence->message(), Catch::Contains("its checksum differs"));
  CHECK(found.absence->kind() == ErrorKind::data);
}

TEST_CASE("a wrong file is not read again until it changes") {
  Fixture f;
  f.put(1, "good");
  f.put(2, "corrupt");
  Run run(f);
  for (int i = 0; i < 5; ++i) {
    run.look();
    f.clock.advance(1h);
  }
  CHECK(f.opened == std::vector<std::string>{"2corrupt", "1good"});
  f.remove(2);
  f.put(2, "good");
  run.look();
  CHECK(f.picture() == "2AVAILABLE");
}

TEST_CASE("a load that failed for a reason that may pass is tried again, ever less often") {
  for (const std::string word : {"forbidden", "hungry"}) {
    Fixture f;
    f.put(1, "good");
    f.put(2, word);
    Run run(f);
    std::vector<int> tries;
    for (int second = 0; second <= 130; ++second) {
      const std::size_t before = f.opened.size();
      run.look();
      if (f.opened.size() > before) tries.push_back(second);
      f.clock.advance(1s);
    }
    CHECK(tries == std::vector<int>{0, 1, 3, 7, 15, 31, 63, 123});
    CHECK(f.picture() == "1AVAILABLE 2END");
    std::ofstream(f.scratch / Fixture::file(2)) << "good";
    run.look();
    CHECK(f.catalog.get()->find("m").servable->version() == 2);
  }
}

TEST_CASE("a file that becomes wrong under a served version leaves that in service") {
  Fixture f;
  f.put(1, "good");
  Run run(f);
  run.look();
  std::ofstream(f.scratch / Fixture::file(1)) << "corrupt";
  run.look();
  run.look();
  CHECK(f.picture() == "1AVAILABLE");
  CHECK(f.opened.size() == 2);
}

TEST_CASE("what is served stays when its repository is empty, unreadable or has only wrong versions") {
  Fixture f;
  f.put(1, "good");
  Run run(f);
  run.look();
  f.remove(1);
  run.look();
  CHECK(f.picture() == "1AVAILABLE");
  CHECK(f.catalog.get()->models.at("m").reason);
  f.put(2, "corrupt");
  run.look();
  CHECK(f.picture() == "1AVAILABLE 2END");
  fs::remove_all(f.scratch / "base");
  run.look();
  CHECK(f.catalog.get()->find("m").servable->version() == 1);
}

TEST_CASE("one model that can't be served doesn't keep the others from service") {
  Fixture f;
  f.put(1, "corrupt");
  SECTION("the only one is an error, with its reason") {
    Run run(f);
    CHECK_THROWS_WITH(run.look(), Catch::Contains("its checksum differs"));
  }
  SECTION("among others it has a reason in the catalog") {
    fs::create_directories(f.scratch / "other/1");
    std::ofstream(f.scratch / "other/1/model.nn") << "good";
    LoaderOptions options = f.options();
    options.models.push_back(repository::parse_repository_spec("other=" + (f.scratch / "other")));
    Loader loader(
        options, f.log, f.catalog, [] {}, f.clock);
    loader.load_all();
    CHECK(f.picture() == "1END");
    CHECK(f.catalog.get()->find("other").servable);
    CHECK_THAT(f.catalog.get()->find("m").absence->message(), Catch::Contains("its checksum differs"));
  }
}

TEST_CASE("policies choose among the versions that can be loaded") {
  const std::pair<std::string, std::string> table[] = {
      {"latest", "4AVAILABLE 5END"},
      {"latest:2", "3AVAILABLE 4AVAILABLE 5END"},
      {"all", "1AVAILABLE 3AVAILABLE 4AVAILABLE 5END"},
      {"specific:1,5", "1AVAILABLE 5END"},
  };
  for (const auto& [policy, expected] : table) {
    INFO(policy);
    Fixture f;
    f.policy = policy;
    for (const std::uint64_t version : {1, 3, 4}) f.put(version, "good");
    f.put(5, "corrupt");
    Run run(f);
    run.look();
    CHECK(f.picture() == expected);
  }
}

TEST_CASE("people load and unload versions beyond the policy") {
  Fixture f;
  for (const std::uint64_t version : {1, 2, 3}) f.put(version, "good");
  Run run(f);
  run.look();
  run.loader.start();
  const auto change = [&](std::uint64_t version, bool load) {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<std::string> told;
    run.loader.change("m", version, load, [&](const std::optional<Error>& error) {
      const std::lock_guard lock(mutex);
      told = error ? error->what() : "";
      changed.notify_all();
    });
    std::unique_lock lock(mutex);
    REQUIRE(
        changed.wait_until(lock, std::chrono::system_clock::now() + 20s, [&] { return told.has_value(); }));
    return *told;
  };
  CHECK(change(1, true).empty());
  CHECK(f.catalog.get()->find("m", 1).servable);
  CHECK_THAT(change(9, true), Catch::Contains("no version 9 of model 'm' in its repository"));
  CHECK(change(3, false).empty());
  CHECK_FALSE(f.catalog.get()->find("m", 3).servable);
  CHECK(change(0, false).empty());
  CHECK_FALSE(f.catalog.get()->any_available());
  CHECK(change(0, true).empty());
  CHECK(f.catalog.get()->find("m").servable->version() == 3);
}

TEST_CASE("a servable is freed by the loader, whoever uses it last") {
  Fixture f;
  f.put(1, "good");
  std::weak_ptr<Servable> weak;
  {
    Run run(f);
    run.look();
    run.loader.start();
    weak = f.catalog.get()->find("m").servable;
  }
  CHECK_FALSE(weak.expired());  // the catalog has it still
  f.catalog.set(std::make_shared<Catalog>());
  CHECK(weak.expired());
}
