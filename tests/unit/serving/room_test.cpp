// Models that make room for each other, where there is a limit.
#include <filesystem>
#include <fstream>
#include <future>
#include <set>

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

// Models a, b, c …, whose files are as long as what they take, or tell it.
struct Fixture {
  test::Scratch scratch;
  test::ManualClock clock;
  EventLog log{""};
  CatalogHolder catalog;
  std::set<std::string> in_use;
  std::vector<std::string> opened;
  bool lazy = true;
  std::optional<Loader> loader;

  void put(const std::string& model, std::uint64_t version, const std::string& bytes) {
    const std::string folder = scratch / ("models/" + model + "/" + std::to_string(version));
    fs::create_directories(folder);
    std::ofstream(folder + "/model.nn") << bytes;
  }
  void load(std::uint64_t memory) {
    LoaderOptions options;
    options.models = {repository::parse_repository_spec(scratch / "models")};
    options.lazy = lazy;
    options.memory = memory;
    options.in_use = [this](const std::string& name, std::uint64_t) { return in_use.contains(name); };
    options.open = [this](const std::string& name, const repository::FoundVersion& version) {
      opened.push_back(name + std::to_string(version.version));
      auto servable = std::make_unique<test::FakeServable>(name, version.version);
      std::ifstream(version.path) >> servable->memory;
      return servable;
    };
    loader.emplace(
        std::move(options), log, catalog, [] {}, clock);
    loader->load_all();
    loader->start();
  }
  template <typename Act>
  std::string told(const Act& act) {
    auto promise = std::make_shared<std::promise<std::string>>();
    act([promise](const std::optional<Error>& error) { promise->set_value(error ? error->what() : ""); });
    auto future = promise->get_future();
    REQUIRE(future.wait_for(20s) == std::future_status::ready);
    return future.get();
  }
  std::string wake(const std::string& model) {
    clock.advance(1s);  // what was loaded before has been there for a while
    return told([&](auto tell) { loader->wake(model, tell); });
  }
  void look() {
    loader->look();
    for (int i = 0; i < 2; ++i) told([&](auto tell) { loader->change("none", 1, true, tell); });
  }
  // "a1 b-: …", the versions that are loaded, and reasons of others.
  std::string picture() const {
    std::string out;
    const auto now = catalog.get();
    for (const auto& [name, model] : now->models) {
      out += (out.empty() ? "" : " ") + name;
      for (const auto& [version, entry] : model.versions) {
        if (entry.servable) out += std::to_string(version);
        if (entry.cold) out += "~";
        if (entry.reason) out += "!";
      }
    }
    return out;
  }
};

}  // namespace

TEST_CASE("a model that finds no room takes that of the one that was used longest ago", "[room]") {
  Fixture f;
  for (const char* model : {"a", "b", "c"}) f.put(model, 1, "40");
  f.load(100);
  CHECK(f.picture() == "a~ b~ c~");
  CHECK(f.wake("a").empty());
  CHECK(f.wake("b").empty());
  CHECK(f.picture() == "a1 b1 c~");
  f.catalog.get()->find("a").servable->used(f.clock.now() + 500ms);
  CHECK(f.wake("c").empty());
  CHECK(f.picture() == "a1 b~ c1");
  CHECK(f.wake("b").empty());
  CHECK(f.picture() == "a~ b1 c1");
}

TEST_CASE("a model with requests under way stays, and who finds no room is told so and may ask again",
          "[room]") {
  Fixture f;
  f.put("a", 1, "60");
  f.put("b", 1, "60");
  f.load(100);
  CHECK(f.wake("a").empty());
  f.in_use = {"a"};
  // That it takes more than its file is known once it was loaded.
  CHECK_THAT(f.wake("b"), Catch::Contains("there is no room for it now"));
  CHECK(f.picture() == "a1 b~!");
  f.opened.clear();
  CHECK_THAT(f.wake("b"), Catch::Contains("it takes 60 bytes"));
  CHECK(f.opened.empty());
  f.look();
  CHECK(f.picture() == "a1 b~!");
  f.in_use.clear();
  CHECK(f.wake("b").empty());
  CHECK(f.picture() == "a~ b1");
}

TEST_CASE("a model that can never fit is refused, and displaces nobody", "[room]") {
  Fixture f;
  f.put("a", 1, "60");
  f.put("big", 1, "101");
  f.put("long", 1, "1" + std::string(200, ' '));
  f.load(100);
  CHECK(f.wake("a").empty());
  for (const char* model : {"big", "long"})
    CHECK_THAT(f.wake(model), Catch::Contains("more than the 100 bytes that all models may take"));
  CHECK(f.picture() == "a1 big! long!");
  CHECK(f.opened == std::vector<std::string>{"a1", "big1"});
}

TEST_CASE("at the start models that find no room wait until they are asked for", "[room]") {
  Fixture f;
  f.lazy = false;
  for (const char* model : {"a", "b", "c"}) f.put(model, 1, "40");
  f.load(100);
  CHECK(f.picture() == "a1 b1 c~!");
  CHECK(f.catalog.get()->all_available());
  CHECK(f.wake("c").empty());
  CHECK(f.picture() == "a~ b1 c1");
}

TEST_CASE("a new version finds room beside the one that serves, or is shown with its reason", "[room]") {
  Fixture f;
  f.put("a", 1, "40");
  f.put("b", 1, "40");
  f.load(100);
  CHECK(f.wake("a").empty());
  CHECK(f.wake("b").empty());
  f.clock.advance(1s);
  f.put("b", 2, "50");
  f.look();
  CHECK(f.picture() == "a~ b2");
  f.put("b", 3, "60");
  f.look();
  CHECK(f.picture() == "a~ b2!");
  CHECK_THAT(f.catalog.get()->models.at("b").versions.at(3).reason->what(), Catch::Contains("no room"));
}

TEST_CASE("a model whose repository is gone makes no room: it could not come back", "[room]") {
  Fixture f;
  f.put("a", 1, "60");
  f.put("b", 1, "60");
  f.load(100);
  CHECK(f.wake("a").empty());
  fs::remove_all(f.scratch / "models/a");
  CHECK_THAT(f.wake("b"), Catch::Contains("no room"));
  CHECK(f.catalog.get()->find("a").servable);
}
