// Models that are loaded when somebody asks, and let go when nobody does.
#include <ctime>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "../manual_clock.hpp"
#include "../model/models.hpp"
#include "catch.hpp"
#include "fake_servable.hpp"
#include "serving/loader.hpp"

using namespace nn;
using namespace nn::serving;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

struct Fixture {
  test::Scratch scratch;
  test::ManualClock clock;
  EventLog log{""};
  CatalogHolder catalog;
  std::atomic<int> opened{0};
  bool lazy = true;
  Clock::duration idle{0};
  std::function<void()> on_open;
  std::optional<Loader> loader;

  void put(std::uint64_t version, const std::string& word = "good") {
    const std::string folder = scratch / ("base/" + std::to_string(version));
    fs::create_directories(folder);
    std::ofstream(folder + "/model.nn") << word;
  }
  void load() {
    LoaderOptions options;
    options.models = {repository::parse_repository_spec("m=" + (scratch / "base"))};
    options.lazy = lazy;
    options.idle_unload = idle;
    options.open = [this](const std::string& name,
                          const repository::FoundVersion& version) -> std::unique_ptr<Servable> {
      ++opened;
      if (on_open) on_open();
      std::string word;
      std::ifstream(version.path) >> word;
      if (word != "good") fail_data("its checksum differs");
      return std::make_unique<test::FakeServable>(name, version.version);
    };
    loader.emplace(
        std::move(options), log, catalog, [] {}, clock);
    loader->load_all();
    loader->start();
  }
  // What the one who woke it hears.
  std::string wake() {
    auto told = std::make_shared<std::promise<std::string>>();
    loader->wake("m",
                 [told](const std::optional<Error>& error) { told->set_value(error ? error->what() : ""); });
    auto future = told->get_future();
    REQUIRE(future.wait_for(20s) == std::future_status::ready);
    return future.get();
  }
  // Until the loader has done all that was asked before.
  void look() {
    loader->look();
    auto told = std::make_shared<std::promise<void>>();
    // Changes are made before looking: the second one comes after the look of the first round.
    for (int i = 0; i < 2; ++i) {
      auto done = std::make_shared<std::promise<void>>();
      loader->change("none", 1, true, [done](const std::optional<Error>&) { done->set_value(); });
      REQUIRE(done->get_future().wait_for(20s) == std::future_status::ready);
    }
  }
  Catalog::Found find() const { return catalog.get()->find("m"); }
  std::string state(std::uint64_t version) const {
    const auto picture = catalog.get();
    const VersionEntry& entry = picture->models.at("m").versions.at(version);
    return std::string(name_of(entry.state)) + (entry.cold ? " cold" : "");
  }
};

}  // namespace

TEST_CASE("a lazy model is loaded when somebody asks for it, once") {
  Fixture f;
  f.put(1);
  f.put(2);
  f.load();
  CHECK(f.opened == 0);
  CHECK(f.state(2) == "START cold");
  CHECK(f.catalog.get()->all_available());
  const auto found = f.find();
  CHECK_FALSE(found.servable);
  CHECK(found.cold == "m");
  CHECK(f.catalog.get()->find("m", 2).cold == "m");
  CHECK(f.catalog.get()->find("m", 1).cold.empty());
  // A version that the policy leaves out isn't there, before as behind the load: nobody is to wait for it.
  const auto left_out = [&] { return *f.catalog.get()->find("m", 1).absence; };
  CHECK(left_out().kind() == ErrorKind::data);
  const std::string absence = left_out().message();
  CHECK(absence == "no version 1 of model 'm'; there are: 2");
  CHECK(f.catalog.get()->find("").cold == "m");
  CHECK(f.wake().empty());
  CHECK(f.wake().empty());
  CHECK(f.opened == 1);
  REQUIRE(f.find().servable);
  CHECK(f.find().servable->version() == 2);
  CHECK(f.state(2) == "AVAILABLE");
  CHECK(left_out().message() == absence);
}

TEST_CASE("who asks for a model that can't be loaded hears why, and a new version is waited for again") {
  Fixture f;
  f.put(1, "corrupt");
  f.load();
  CHECK(f.find().cold == "m");
  CHECK_THAT(f.wake(), Catch::Contains("its checksum differs"));
  CHECK(f.find().cold.empty());
  CHECK(f.state(1) == "END");
  CHECK_THAT(f.wake(), Catch::Contains("its checksum differs"));
  f.put(2);
  f.look();
  CHECK(f.find().servable);
}

TEST_CASE("a model that sleeps notices new versions without loading them") {
  Fixture f;
  f.put(1);
  f.load();
  f.put(2);
  f.look();
  CHECK(f.opened == 0);
  CHECK(f.state(2) == "START cold");
  CHECK(f.wake().empty());
  CHECK(f.find().servable->version() == 2);
  f.put(3);  // and from then on it is a model like others
  f.look();
  CHECK(f.find().servable->version() == 3);
}

TEST_CASE("a model that nobody uses is let go, and loaded when it is asked for again") {
  Fixture f;
  f.lazy = false;
  f.idle = 10min;
  f.put(1);
  f.load();
  CHECK(f.opened == 1);
  f.clock.advance(9min);
  f.look();
  REQUIRE(f.find().servable);
  f.find().servable->used(f.clock.now());
  f.clock.advance(9min);
  f.look();
  CHECK(f.find().servable);
  f.clock.advance(1min);
  f.look();
  CHECK_FALSE(f.find().servable);
  CHECK(f.find().cold == "m");
  f.look();
  CHECK(f.state(1) == "START cold");
  CHECK(f.opened == 1);
  CHECK(f.wake().empty());
  CHECK(f.opened == 2);
  f.look();
  CHECK(f.find().servable);
}

TEST_CASE("a load that does nothing for long is told, and one that computes is not") {
  Fixture f;
  f.put(1);
  std::promise<void> begun, end;
  std::atomic<bool> computes{true};
  std::atomic<std::int64_t> computed_ns{0};  // by the thread that loads
  f.on_open = [&] {
    begun.set_value();
    while (computes) {
      timespec time{};
      ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
      computed_ns = std::int64_t{1'000'000'000} * time.tv_sec + time.tv_nsec;
    }
    end.get_future().wait();
  };
  f.load();
  CHECK_FALSE(f.loader->stuck(f.clock.now() + 1h, 10min));
  auto told = std::make_shared<std::promise<void>>();
  f.loader->wake("m", [told](const auto&) { told->set_value(); });
  begun.get_future().wait();
  // What it computes between two looks is more than a millisecond.
  for (int i = 0; i < 3; ++i) {
    CHECK_FALSE(f.loader->stuck(f.clock.now(), 10min));
    for (const std::int64_t start = computed_ns; computed_ns - start < 5'000'000;) std::this_thread::yield();
    f.clock.advance(11min);
  }
  CHECK_FALSE(f.loader->stuck(f.clock.now(), 10min));
  computes = false;
  std::optional<std::string> what;
  while (!(what = f.loader->stuck(f.clock.now(), 10min))) f.clock.advance(1min);
  CHECK(*what ==
        "the thread that loads models has done nothing for more than 600 s: it loads version 1 of model m");
  end.set_value();
  REQUIRE(told->get_future().wait_for(20s) == std::future_status::ready);
}
