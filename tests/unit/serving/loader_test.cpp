#include "serving/loader.hpp"

#include <filesystem>
#include <fstream>

#include "../full_disk.hpp"
#include "../linear.hpp"
#include "../manual_clock.hpp"
#include "../messages.hpp"
#include "../model/models.hpp"
#include "base/signals.hpp"
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
  bool keep_requests = true;

  Fixture() { fs::create_directories(scratch / "base"); }

  void put(std::uint64_t version, const std::string& word) {
    fs::create_directories(scratch / ("base/" + std::to_string(version)));
    std::ofstream(scratch / file(version)) << word;
  }
  static std::string file(std::uint64_t version) { return "base/" + std::to_string(version) + "/model.nn"; }
  void label(const std::string& name, const std::string& text) {
    fs::create_directories(scratch / "base/labels");
    std::ofstream(scratch / ("base/labels/" + name)) << text;
  }
  std::string wanted() const { return test::read_file(scratch / "base/wanted"); }
  void remove(std::uint64_t version) { fs::remove_all(scratch / ("base/" + std::to_string(version))); }

  std::unique_ptr<Servable> open(const std::string& name, const repository::FoundVersion& version) {
    std::string word;
    std::ifstream(version.path) >> word;
    opened.push_back(std::to_string(version.version) + word);
    if (word == "corrupt") fail_data("its checksum differs");
    if (word == "forbidden") nn::fail(ErrorKind::io, "Permission denied");
    if (word == "hungry") throw std::bad_alloc();
    if (word == "stopped") throw Interrupted{};
    return std::make_unique<test::FakeServable>(name, version.version);
  }
  LoaderOptions options() {
    LoaderOptions out;
    out.models = {repository::parse_repository_spec("m=" + (scratch / "base"))};
    out.models[0].policy = repository::parse_version_policy(policy);
    out.keep_requests = keep_requests;
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
    for (const auto& [name, version] : catalog.get()->models.at("m").labels)
      out += " " + name + "=" + std::to_string(version);
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
  // What it says to a request of an administrator; from the first one on it has a thread.
  std::string change(std::uint64_t version, bool load) {
    if (!std::exchange(started, true)) loader.start();
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<std::string> told;
    loader.change("m", version, load, [&](const std::optional<Error>& error) {
      const std::lock_guard lock(mutex);
      told = error ? error->what() : "";
      changed.notify_all();
    });
    std::unique_lock lock(mutex);
    REQUIRE(
        changed.wait_until(lock, std::chrono::system_clock::now() + 20s, [&] { return told.has_value(); }));
    return *told;
  }
  bool started = false;
};

}  // namespace

TEST_CASE("a signal while a version is read is no fault of the version") {
  Fixture f;
  f.put(1, "stopped");
  Loader first(
      f.options(), f.log, f.catalog, [] {}, f.clock);
  CHECK_THROWS_AS(first.load_all(), Interrupted);
  const auto catalog = f.catalog.get();
  for (const auto& [name, model] : catalog->models) {
    CHECK_FALSE(model.reason);
    CHECK(model.versions.empty());
  }
}

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

TEST_CASE("a version that a policy names and that isn't there is told, with those that are") {
  Fixture f;
  f.policy = "specific:1,99";
  f.put(1, "good");
  f.put(2, "good");
  const test::Messages messages;
  Run run(f);
  run.look();
  run.look();
  CHECK(f.picture() == "1AVAILABLE 99END");
  const auto reason = f.catalog.get()->models.at("m").versions.at(99).reason;
  REQUIRE(reason);
  CHECK(reason->message() == "version 99 is wanted; there are 1, 2");
  std::size_t told = 0;
  for (const std::string& line : messages.take()) told += line.find("99 is wanted") != line.npos ? 1 : 0;
  CHECK(told == 1);
  f.put(99, "good");
  run.look();
  CHECK(f.picture() == "1AVAILABLE 99AVAILABLE");
  Fixture none;
  none.policy = "specific:98,99";
  for (std::uint64_t version = 1; version <= 12; ++version) none.put(version, "good");
  Run nothing(none);
  CHECK_THROWS_WITH(nothing.look(),
                    Catch::EndsWith("versions 98, 99 are wanted; there are 1, 2, 3, 4, 5, 6, 7, "
                                    "8, 9, 10 and 2 more"));
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

TEST_CASE("a file that is wrong by now is told as that: the version is served as it was") {
  Fixture f;
  const test::Messages messages;
  f.put(1, "good");
  Run run(f);
  run.look();
  f.put(1, "corrupt");
  f.put(2, "corrupt");
  run.look();
  const auto told = messages.take();
  REQUIRE(told.size() == 2);
  CHECK_THAT(told[0], Catch::EndsWith("model m: version 2 is not served: its checksum differs"));
  CHECK_THAT(told[1], Catch::EndsWith("model m: version 1 is served as it was: its checksum differs"));
  CHECK(f.picture() == "1AVAILABLE 2END");
}

TEST_CASE("a live version whose files are removed goes with a reason, a warning and an event") {
  Fixture f;
  for (const std::uint64_t version : {1, 2, 3}) f.put(version, "good");
  f.label("canary", "1\n");
  const test::Messages messages;
  {
    EventLog log(f.scratch / "log");
    Loader loader(
        f.options(), log, f.catalog, [] {}, f.clock);
    loader.load_all();
    CHECK(f.picture() == "1AVAILABLE 3AVAILABLE canary=1");
    f.remove(3);
    loader.load_all();
    loader.load_all();
    CHECK(f.picture() == "1AVAILABLE 2AVAILABLE 3END canary=1");
    CHECK_THAT(f.catalog.get()->find("m", 3).absence->message(), Catch::Contains("its files were removed"));
    f.remove(1);
    loader.load_all();
    CHECK(f.picture() == "2AVAILABLE 3END canary=1");  // an older one is gone for good
    f.put(4, "good");
    loader.load_all();
    loader.load_all();
    CHECK(f.picture() == "4AVAILABLE canary=1");
  }
  const auto told = messages.take();
  REQUIRE(told.size() == 2);
  CHECK_THAT(told[0], Catch::Contains("model m: version 3, which was live, is gone: ") &&
                          Catch::EndsWith("/base/3: its files were removed; version 2 answers"));
  CHECK_THAT(told[1], Catch::Contains("version 1, which was labelled canary, is gone"));
  const std::string written = test::read_file(f.scratch / "log");
  CHECK_THAT(written, Catch::Contains(R"("event":"version_missing","error":")") &&
                          Catch::Contains(R"(its files were removed","version":3})") &&
                          Catch::Contains(R"(,"reason":"version 4 takes its place","version":2})"));
}

TEST_CASE("a version whose model is another by now is loaded, and told") {
  Fixture f;
  f.put(1, "good");
  const test::Messages messages;
  int number = 0;
  LoaderOptions options = f.options();
  options.open = [&](const std::string& name, const repository::FoundVersion&) {
    return std::make_unique<test::FakeServable>(name, static_cast<std::uint64_t>(++number));
  };
  {
    EventLog log(f.scratch / "log");
    Loader loader(
        options, log, f.catalog, [] {}, f.clock);
    loader.load_all();
    f.remove(1);
    f.put(1, "another");
    loader.load_all();
  }
  CHECK_THAT(messages.next(), Catch::Contains("model m: version 1 is another model from here on: ") &&
                                  Catch::EndsWith("was replaced, whose digest was m1 and is m2"));
  CHECK_THAT(test::read_file(f.scratch / "log"), Catch::Contains(R"("before":"m1","digest":"m2")"));
}

TEST_CASE("a row that takes longer than an answer should is told once, with what was measured") {
  struct Slow : test::FakeServable {
    using FakeServable::FakeServable;
    LoadReport report() const override {
      LoadReport out;
      out.slo = std::chrono::milliseconds(2);
      DeviceLoad& device = out.devices.emplace_back();
      device.device = "cpu:0";
      device.curve = {{1, 0.00512}, {2, 0.009}};
      return out;
    }
  };
  Fixture f;
  f.put(1, "good");
  const test::Messages messages;
  LoaderOptions options = f.options();
  options.open = [](const std::string& name, const repository::FoundVersion& version) {
    return std::make_unique<Slow>(name, version.version);
  };
  Loader loader(
      options, f.log, f.catalog, [] {}, f.clock);
  loader.load_all();
  f.put(2, "good");
  loader.load_all();
  const auto told = messages.take();
  REQUIRE(told.size() == 1);
  CHECK_THAT(told[0], Catch::EndsWith(
                          "model m: an answer should take 2 ms, and a single row takes 5.12 ms on cpu:0, as "
                          "measured when version 1 was loaded; no request is answered in time"));
}

TEST_CASE("what is odd in a repository is told once, and takes nothing away") {
  Fixture f;
  f.put(5, "good");
  f.put(2, "good");
  fs::create_directories(f.scratch / "base/1");
  fs::create_directories(f.scratch / "base/7/model.nn");
  fs::create_directories(f.scratch / "base/006");
  const test::Messages messages;
  Run run(f);
  run.look();
  run.look();
  CHECK(f.picture() == "1END 5AVAILABLE 7END");
  auto told = messages.take();
  REQUIRE(told.size() == 3);
  CHECK_THAT(told[0], Catch::Contains("/006 is no version here: a version's number is"));
  CHECK_THAT(told[1],
             Catch::Contains("version 1 is not served: ") && Catch::EndsWith("1: has no model.nn in it"));
  CHECK_THAT(told[2], Catch::EndsWith("7/model.nn: is a folder, not a file"));
  // The live one's file becomes a link to nothing.
  fs::remove(f.scratch / Fixture::file(5));
  fs::create_symlink("gone", f.scratch / Fixture::file(5));
  run.look();
  run.look();
  CHECK(f.picture() == "1END 5AVAILABLE 7END");
  told = messages.take();
  REQUIRE(told.size() == 1);
  CHECK_THAT(told[0], Catch::Contains("version 5 is served as it was: ") &&
                          Catch::EndsWith("5/model.nn: is a link to what isn't there"));
  CHECK_THAT(run.change(7, true), Catch::Contains("is a folder, not a file"));
  fs::remove_all(f.scratch / "base/7");
  f.put(7, "good");
  run.look();
  CHECK(f.picture().ends_with("7AVAILABLE"));
}

TEST_CASE("a folder that is still empty gets a moment before it is told") {
  Fixture f;
  f.put(1, "good");
  const test::Messages messages;
  Run run(f);
  run.look();
  CHECK(run.change(1, true).empty());  // from here on it has a thread
  const auto sees = [&](const char* picture) {
    run.loader.look();
    for (int i = 0; i < 2; ++i) run.change(99, true);  // which come before a look, and behind it
    return f.picture() == picture;
  };
  fs::create_directories(f.scratch / "base/2");
  CHECK(sees("1AVAILABLE"));
  f.clock.advance(4s);
  CHECK(sees("1AVAILABLE"));
  CHECK(messages.take().empty());
  f.clock.advance(1s);
  REQUIRE(sees("1AVAILABLE 2END"));
  CHECK_THAT(messages.next(), Catch::EndsWith("2: has no model.nn in it"));
}

TEST_CASE("what is wrong with labels and wishes has events of its own") {
  Fixture f;
  f.put(1, "good");
  f.label("stable", "two");
  std::ofstream(f.scratch / "base/wanted") << "3";
  const test::Messages messages;
  {
    EventLog log(f.scratch / "log");
    Loader loader(
        f.options(), log, f.catalog, [] {}, f.clock);
    loader.load_all();
    fs::remove_all(f.scratch / "base/labels");
    std::ofstream(f.scratch / "base/labels") << "no folder";
    loader.load_all();
  }
  const std::string written = test::read_file(f.scratch / "log");
  for (const char* event : {R"("event":"label_failed",)", R"("event":"wanted_failed",)",
                            R"("label":"stable")", R"("event":"load",)"}) {
    CHECK_THAT(written, Catch::Contains(event));
  }
  CHECK_THAT(written, !Catch::Contains("repository_failed"));
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
  const auto change = [&](std::uint64_t version, bool load) { return run.change(version, load); };
  CHECK(change(1, true).empty());
  CHECK(f.catalog.get()->find("m", 1).servable);
  CHECK_THAT(change(9, true), Catch::Contains("no version 9 of model 'm' in its repository"));
  CHECK(change(3, false).empty());
  CHECK_FALSE(f.catalog.get()->find("m", 3).servable);
  CHECK_THAT(f.catalog.get()->find("m", 3).absence->message(),
             Catch::Contains("version 3 of model 'm' is not served: it was let go on request"));
  f.label("stable", "3\n");
  CHECK(change(0, false).empty());
  CHECK_FALSE(f.catalog.get()->any_available());
  CHECK(f.catalog.get()->all_available());  // nobody waits for it: a server is ready without it
  CHECK_THAT(f.catalog.get()->find("m").absence->message(),
             Catch::Contains("no version of model 'm' is loaded; version 3: it was let go on request"));
  CHECK(change(0, true).empty());
  CHECK(f.catalog.get()->find("m").servable->version() == 3);
}

TEST_CASE("a loader that keeps nothing lets go for itself, and counts more than the repository") {
  Fixture f;
  for (const std::uint64_t version : {1, 2, 3}) f.put(version, "good");
  f.keep_requests = false;
  const std::string last = "3AVAILABLE";
  {
    Run run(f);
    run.look();
    // What was let go is freed before the next change.
    const auto picture = [&] {
      CHECK(run.change(9, true) != "");
      return f.picture();
    };
    CHECK(run.change(1, true).empty());
    CHECK(run.change(3, false).empty());
    CHECK(picture() == "1AVAILABLE 3END");  // before the next look
    CHECK_THAT(f.catalog.get()->find("m", 3).absence->message(), Catch::EndsWith("it was let go on request"));
    CHECK_FALSE(fs::exists(f.scratch / "base/wanted"));
    // What others of the repository want changes nothing of it.
    std::ofstream(f.scratch / "base/wanted") << "+3\n-1\n";
    CHECK(run.change(2, true).empty());
    CHECK(picture() == "1AVAILABLE 2AVAILABLE 3END");
    CHECK(run.change(0, false).empty());
    CHECK(picture() == "1END 2END 3END");
    CHECK(f.catalog.get()->ready());
    CHECK(f.wanted() == "+3\n-1\n");
    // Others let go of all; who is asked to load doesn't.
    std::ofstream(f.scratch / "base/wanted") << "-1\n-2\n-3\n";
    CHECK(run.change(0, true).empty());
    CHECK(picture() == last);
    f.put(4, "good");
    CHECK(run.change(0, true).empty());
    CHECK(picture() == "4AVAILABLE");
    f.remove(4);
  }
  // The next one does what the repository says, and tells why that is nothing.
  const test::Messages messages;
  {
    Run next(f);
    next.look();
    next.look();
    CHECK(f.picture() == "1END 2END 3END");
    CHECK(f.catalog.get()->all_available());
    CHECK_FALSE(f.catalog.get()->ready());
    CHECK_THAT(f.catalog.get()->find("m").absence->message(),
               Catch::EndsWith("it was let go on request, as the file wanted of its repository says"));
  }
  const auto told = messages.take();
  REQUIRE(told.size() == 1);
  CHECK_THAT(told[0], Catch::EndsWith("base/wanted lets go of 1, 2, 3; without that file they are served"));
  fs::remove(f.scratch / "base/wanted");
  Run after(f);
  after.look();
  CHECK(f.picture() == last);
}

TEST_CASE("a version that answers nobody is told once, isn't served, and is again when it does") {
  Fixture f;
  f.put(1, "good");
  const test::Messages messages;
  {
    EventLog log(f.scratch / "log");
    Loader loader(
        f.options(), log, f.catalog, [] {}, f.clock);
    loader.load_all();
    const auto fake = std::dynamic_pointer_cast<test::FakeServable>(f.catalog.get()->find("m").servable);
    REQUIRE(fake);
    CHECK(f.catalog.get()->ready());
    fake->absent = make_error(ErrorKind::unavailable, "a member is gone");
    loader.load_all();
    loader.load_all();
    CHECK(f.picture() == "1END");
    CHECK_FALSE(f.catalog.get()->ready());
    CHECK_THAT(f.catalog.get()->models.at("m").versions.at(1).reason->message(),
               Catch::Contains("a member is gone"));
    CHECK(f.opened.size() == 1);
    fake->absent.reset();
    loader.load_all();
    CHECK(f.picture() == "1AVAILABLE");
    CHECK(f.catalog.get()->ready());
  }
  const auto told = messages.take();
  REQUIRE(told.size() == 2);
  CHECK_THAT(told[0],
             Catch::EndsWith("model m: version 1 answers nobody until this is mended: a member is gone"));
  CHECK_THAT(told[1], Catch::EndsWith("model m: version 1 answers again"));
  const std::string written = test::read_file(f.scratch / "log");
  for (const char* event : {R"("event":"unreachable",)", R"("event":"reachable",)"})
    CHECK_THAT(written, Catch::Contains(event));
}

TEST_CASE("a servable is freed by the loader, whoever uses it last") {
  Fixture f;
  f.put(1, "good");
  std::weak_ptr<Servable> weak;
  std::shared_ptr<const Catalog> picture;
  {
    Run run(f);
    run.look();
    run.loader.start();
    picture = f.catalog.get();
    weak = picture->find("m").servable;
  }
  CHECK(f.catalog.get()->models.empty());  // what it is computed with may end next
  CHECK_FALSE(weak.expired());             // somebody has it still
  picture.reset();
  CHECK(weak.expired());
}

TEST_CASE("a version with a label is served beyond the policy, and found by it") {
  Fixture f;
  for (const std::uint64_t version : {1, 2, 3, 4}) f.put(version, "good");
  f.label("stable", "2\n");
  f.label("canary", "4\n");
  Run run(f);
  run.look();
  CHECK(f.picture() == "2AVAILABLE 4AVAILABLE canary=4 stable=2");
  CHECK(f.catalog.get()->find("m", 0, "stable").servable->version() == 2);
  CHECK(f.catalog.get()->find("m").servable->version() == 4);
  CHECK_THAT(f.catalog.get()->find("m", 0, "gone").absence->message(),
             Catch::Contains("model 'm' has no label 'gone'; there are: canary, stable"));
  fs::remove(f.scratch / "base/labels/stable");
  run.look();
  CHECK(f.picture() == "4AVAILABLE canary=4");
  fs::remove_all(f.scratch / "base/labels");
  run.look();
  CHECK(f.picture() == "4AVAILABLE");
}

TEST_CASE("a label moves when its new version is loaded, in one moment with the end of the old") {
  Fixture f;
  for (const std::uint64_t version : {1, 2, 9}) f.put(version, "good");
  f.label("stable", "1\n");
  Run run(f);
  run.look();
  const auto user = f.catalog.get()->find("m", 0, "stable").servable;
  f.pictures.clear();
  f.label("stable", "2\n");
  run.look();
  CHECK(
      f.pictures.starts_with("[1AVAILABLE 9AVAILABLE stable=1][1AVAILABLE 2LOADING 9AVAILABLE stable=1]"
                             "[1AVAILABLE 2AVAILABLE 9AVAILABLE stable=1]"
                             "[1UNLOADING 2AVAILABLE 9AVAILABLE stable=2]"));
  CHECK(user->version() == 1);
}

TEST_CASE("a label stays where it was while its version can't be loaded") {
  Fixture f;
  f.put(1, "good");
  f.put(2, "corrupt");
  f.put(9, "good");
  f.label("stable", "1\n");
  Run run(f);
  run.look();
  for (const std::string target : {"2", "5"}) {  // broken, and not there
    f.label("stable", target + "\n");
    run.look();
    run.look();
    CHECK_THAT(f.picture(), Catch::Contains("1AVAILABLE") && Catch::EndsWith("9AVAILABLE stable=1"));
  }
  f.put(5, "good");
  run.look();
  CHECK(f.picture() == "2END 5AVAILABLE 9AVAILABLE stable=5");
  // Its version's files go: there is nothing to stay at.
  f.label("stable", "2\n");
  f.remove(5);
  run.look();
  CHECK_THAT(f.picture(), Catch::EndsWith("9AVAILABLE stable=2"));
  CHECK_THAT(f.catalog.get()->find("m", 0, "stable").absence->message(),
             Catch::Contains("version 2 of model 'm' is not served: its checksum differs"));
}

TEST_CASE("a wrong label keeps no other from service, and one that was right stays") {
  Fixture f;
  for (const std::uint64_t version : {1, 2}) f.put(version, "good");
  f.label("stable", "1\n");
  f.label("broken", "one\n");
  f.label("7", "1\n");
  Run run(f);
  run.look();
  CHECK(f.picture() == "1AVAILABLE 2AVAILABLE stable=1");
  CHECK_THAT(
      f.catalog.get()->find("m", 0, "broken").absence->message(),
      Catch::Contains("label 'broken' of model 'm' can't be read: 'one\\n' is not a version's number"));
  f.label("stable", "");
  run.look();
  CHECK(f.picture() == "1AVAILABLE 2AVAILABLE stable=1");
  fs::rename(f.scratch / "base", f.scratch / "away");
  run.look();
  CHECK(f.picture() == "1AVAILABLE 2AVAILABLE stable=1");
}

TEST_CASE("what people want is in the repository: the next loader, and others, serve the same") {
  Fixture f, g;
  for (const std::uint64_t version : {1, 2, 3}) f.put(version, "good");
  {
    Run run(f);
    run.look();
    CHECK(run.change(1, true).empty());
    CHECK(run.change(3, false).empty());
    CHECK(f.wanted() == "+1\n-3\n");
    CHECK_FALSE(f.catalog.get()->find("m", 3).servable);
  }
  {
    Run next(f);
    next.look();
    CHECK(f.picture() == "1AVAILABLE 2AVAILABLE 3END");
    // Another one changes it.
    std::ofstream(f.scratch / "base/wanted") << "+3\n";
    next.look();
    CHECK(f.picture() == "3AVAILABLE");
    std::ofstream(f.scratch / "base/wanted") << "+1\n";
    next.look();
    CHECK(f.picture() == "1AVAILABLE 3AVAILABLE");
    CHECK(next.change(0, true).empty());
    CHECK_FALSE(fs::exists(f.scratch / "base/wanted"));
  }
  {
    Run last(f);
    last.look();
    CHECK(f.picture() == "3AVAILABLE");
    CHECK(last.change(0, false).empty());
    CHECK(f.wanted() == "-1\n-2\n-3\n");
  }
  // Nothing is what people want: that is no error.
  Run none(f);
  none.look();
  CHECK(f.picture() == "1END 2END 3END");
}

TEST_CASE("a wrong file of what is wanted changes nothing, and is replaced where nothing is wanted") {
  Fixture f;
  for (const std::uint64_t version : {1, 2}) f.put(version, "good");
  std::ofstream(f.scratch / "base/wanted") << "+1\n";
  Run run(f);
  run.look();
  CHECK(f.picture() == "1AVAILABLE 2AVAILABLE");
  std::ofstream(f.scratch / "base/wanted") << "-1\n-2";
  run.look();
  CHECK(f.picture() == "1AVAILABLE 2AVAILABLE");
  CHECK_THAT(run.change(2, false), Catch::Contains("wanted: line 2: '-2' has no line end"));
  CHECK(f.picture() == "1AVAILABLE 2AVAILABLE");
  CHECK(run.change(0, true).empty());
  CHECK(f.picture().ends_with("2AVAILABLE"));
  CHECK_FALSE(fs::exists(f.scratch / "base/wanted"));
}

TEST_CASE("where the repository can't be written, what people want lasts until others want something") {
  Fixture f;
  for (const std::uint64_t version : {1, 2, 3}) f.put(version, "good");
  Run run(f);
  run.look();
  {
    const test::FullDisk full;
    CHECK(run.change(1, true).empty());
  }
  CHECK_FALSE(fs::exists(f.scratch / "base/wanted"));
  CHECK(run.change(9, true) != "");  // after a look
  CHECK(f.picture() == "1AVAILABLE 3AVAILABLE");
  SECTION("somebody else wants something") {
    std::ofstream(f.scratch / "base/wanted") << "+2\n";
    CHECK(run.change(3, true).empty());
    CHECK(f.wanted() == "+2\n+3\n");
    CHECK(f.catalog.get()->find("m", 2).servable);
    CHECK_FALSE(f.catalog.get()->find("m", 1).servable);
  }
  SECTION("it can be written again") {
    CHECK(run.change(2, true).empty());
    CHECK(f.wanted() == "+1\n+2\n");
  }
}

namespace {

// So many models of one repository.
struct Many {
  test::Scratch scratch;
  std::vector<repository::ModelSpec> specs;
  explicit Many(std::size_t count) {
    const std::string base = scratch / "base";
    fs::create_directories(base + "/1");
    std::ofstream(base + "/1/model.nn") << "good";
    for (std::size_t i = 0; i < count; ++i)
      specs.push_back(repository::parse_repository_spec("m" + std::to_string(i) + "=" + base));
  }
  LoaderOptions options() const {
    LoaderOptions out;
    out.models = specs;
    out.open = [](const std::string& name, const repository::FoundVersion& version) {
      return std::make_unique<test::FakeServable>(name, version.version);
    };
    return out;
  }
};

}  // namespace

TEST_CASE("a start with many models takes time in proportion, and each is in service at once") {
  EventLog log("");
  test::check_linear(
      250, [](std::size_t n) { return std::make_unique<Many>(n); },
      [&](const std::unique_ptr<Many>& many) {
        CatalogHolder catalog;
        std::size_t changes = 0;
        Loader loader(many->options(), log, catalog, [&] { ++changes; });
        loader.load_all();
        CHECK(changes == 2 * many->specs.size() + 1);  // loading, available
        CHECK(catalog.get()->all_available());
      });
}
