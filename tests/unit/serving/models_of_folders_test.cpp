#include <filesystem>
#include <fstream>
#include <thread>

#include "../manual_clock.hpp"
#include "../messages.hpp"
#include "../model/models.hpp"
#include "catch.hpp"
#include "fake_servable.hpp"
#include "serving/loader.hpp"

using namespace nn;
using namespace nn::serving;
namespace fs = std::filesystem;

namespace {

// A folder of models, and a loader whose work is done in the test's thread.
struct Fixture {
  test::Scratch scratch;
  test::ManualClock clock;
  EventLog log{""};
  CatalogHolder catalog;
  std::string base = scratch / "models";

  Fixture() { fs::create_directories(base); }
  void put(const std::string& model, std::uint64_t version) {
    const std::string folder = base + "/" + model + "/" + std::to_string(version);
    fs::create_directories(folder);
    std::ofstream(folder + "/model.nn") << "good";
  }
  LoaderOptions options() const {
    LoaderOptions out;
    out.models = {repository::parse_repository_spec(base)};
    out.open = [](const std::string& name, const repository::FoundVersion& version) {
      if (name == "broken") fail_data("its checksum differs");
      return std::make_unique<test::FakeServable>(name, version.version);
    };
    return out;
  }
  std::string picture() const {
    std::string out;
    const auto now = catalog.get();
    for (const auto& [name, model] : now->models) {
      out += (out.empty() ? "" : " ") + name + ":";
      for (const auto& [version, entry] : model.versions) {
        if (entry.servable) out += std::to_string(version);
      }
      if (model.reason) out += "!";
    }
    return out;
  }
};

}  // namespace

TEST_CASE("models of a folder come, and stay while something of them is loaded") {
  Fixture f;
  f.put("digits", 1);
  f.put("iris", 3);
  Loader loader(
      f.options(), f.log, f.catalog, [] {}, f.clock);
  loader.load_all();
  CHECK(f.picture() == "digits:1 iris:3");
  CHECK(f.catalog.get()->models.at("iris").base == f.base + "/iris");
  f.put("people", 7);
  loader.load_all();
  CHECK(f.picture() == "digits:1 iris:3 people:7");
  fs::remove_all(f.base + "/iris");
  loader.load_all();
  CHECK(f.picture() == "digits:1 iris:3! people:7");
  // Versions beside models: all stays as it is.
  fs::create_directories(f.base + "/12");
  loader.load_all();
  CHECK(f.picture() == "digits:1 iris:3! people:7");
  fs::remove_all(f.base);
  loader.load_all();
  CHECK(f.picture() == "digits:1! iris:3! people:7!");
}

TEST_CASE("a folder that is no model is told once, until it is one") {
  Fixture f;
  f.put("digits", 1);
  fs::create_directories(f.base + "/a:b/1");
  const test::Messages messages;
  Loader loader(
      f.options(), f.log, f.catalog, [] {}, f.clock);
  const std::string told =
      "warning: " + f.base + "/a:b is no model here: its name holds ':', which begins a label";
  const auto first = messages.take();
  REQUIRE(first.size() == 1);
  CHECK(first[0].ends_with(told));
  loader.load_all();
  fs::create_directories(f.base + "/empty");
  loader.load_all();
  loader.load_all();
  std::size_t warnings = 0;
  for (const std::string& line : messages.take())
    warnings += line.find("is no model here") != line.npos ? 1 : 0;
  CHECK(warnings == 1);
  for (int i = 0; i < 20; ++i) fs::create_directories(f.base + "/e" + std::to_string(i));
  loader.load_all();
  const auto many = messages.take();
  CHECK(many.size() == 11);
  CHECK(many.back().ends_with(": 10 more folders are no models"));
}

TEST_CASE("a folder of versions and models is refused") {
  Fixture f;
  f.put("digits", 1);
  fs::create_directories(f.base + "/2");
  CHECK_THROWS_AS(Loader(
                      f.options(), f.log, f.catalog, [] {}, f.clock),
                  Error);
}

TEST_CASE("a version that was rolled back is passed over, unless there is nothing else") {
  Fixture f;
  f.base = f.scratch / "iris";
  for (const char* version : {"1", "2", "3"}) {
    fs::create_directories(f.base + "/" + version);
    std::ofstream(f.base + "/" + version + "/model.nn") << "good";
  }
  Loader loader(
      f.options(), f.log, f.catalog, [] {}, f.clock);
  loader.load_all();
  CHECK(f.picture() == "iris:3");
  const auto say = [&](const std::string& verdict, int version) {
    std::ofstream(f.base + "/history.jsonl", std::ios::app)
        << "{\"version\":" << version << ",\"verdict\":\"" << verdict << "\"}\n";
    loader.load_all();
  };
  say("rollback", 3);
  CHECK(f.picture() == "iris:2");
  // Who wants it by name gets it, and nobody else does.
  fs::create_directories(f.base + "/labels");
  std::ofstream(f.base + "/labels/old") << "3\n";
  loader.load_all();
  CHECK(f.picture() == "iris:23");
  CHECK(f.catalog.get()->find("iris").servable->version() == 2);
  CHECK(f.catalog.get()->find("iris", 3).servable);
  fs::remove_all(f.base + "/labels");
  say("rollback", 2);
  say("rollback", 1);
  CHECK(f.picture() == "iris:3");
  say("promote", 2);
  CHECK(f.picture() == "iris:2");
}

TEST_CASE("a broken model that comes later takes no server away from the others' clients") {
  Fixture f;
  f.put("digits", 1);
  f.put("broken", 1);
  {
    Loader loader(
        f.options(), f.log, f.catalog, [] {}, f.clock);
    loader.load_all();
    CHECK_FALSE(f.catalog.get()->all_available());  // whoever starts a server wants all that is there
  }
  fs::remove_all(f.base + "/broken");
  Loader loader(
      f.options(), f.log, f.catalog, [] {}, f.clock);
  loader.load_all();
  loader.start();
  f.put("broken", 1);
  loader.look();
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  const auto is_seen = [&] {
    const auto* model = f.catalog.get()->models.find("broken");
    return model != nullptr && model->value.versions.contains(1) && model->value.versions.at(1).reason;
  };
  while (!is_seen() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  REQUIRE(is_seen());
  CHECK(f.catalog.get()->all_available());
}
