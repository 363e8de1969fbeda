#include "repository/watch.hpp"

#include <poll.h>

#include <filesystem>

#include "../model/models.hpp"
#include "catch.hpp"

using namespace nn;
using namespace nn::repository;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

struct Watched {
  test::Scratch scratch;
  std::optional<RepositoryWatch> watch;
  Clock::time_point now{1h};

  bool heard() {
    pollfd file{watch->descriptor(), POLLIN, 0};
    return ::poll(&file, 1, 0) == 1;
  }
  // What has happened is in the queue once the call that did it returns.
  bool looks_after(const std::function<void()>& change) {
    change();
    if (!heard()) return false;
    watch->take(now);
    if (!watch->due()) return false;
    now = *watch->due();
    return watch->is_due(now);
  }
  void put(const std::string& name) {
    fs::create_directories(fs::path(scratch / name).parent_path());
    test::write_bytes(scratch / name, "x");
  }
};

}  // namespace

TEST_CASE("what happens in a repository is heard, in folders that come later as well") {
  Watched w;
  w.put("base/1/model.nn");
  w.watch.emplace(std::vector<std::string>{w.scratch / "base/"});
  REQUIRE(w.watch->descriptor() >= 0);
  CHECK_FALSE(w.heard());
  CHECK(w.looks_after([&] { fs::create_directories(w.scratch / "base/2"); }));
  CHECK(w.looks_after([&] { w.put("base/2/model.nn"); }));
  CHECK(w.looks_after([&] { w.put("base/2/model.nn"); }));
  CHECK(w.looks_after([&] { w.put("base/labels/stable"); }));
  CHECK(w.looks_after([&] { w.put("base/labels/canary"); }));
  CHECK(w.looks_after([&] { fs::remove_all(w.scratch / "base/1"); }));
  CHECK(w.looks_after([&] { fs::permissions(w.scratch / "base/2/model.nn", fs::perms::none); }));
  // A version that is published: a draft, and its new name.
  CHECK_FALSE(w.looks_after([&] { fs::create_directories(w.scratch / "base/.publish-1"); }));
  CHECK(w.looks_after([&] { fs::rename(w.scratch / "base/.publish-1", w.scratch / "base/3"); }));
}

TEST_CASE("models of a folder, and a folder that goes and comes back, are heard") {
  Watched w;
  w.put("all/m/1/model.nn");
  w.watch.emplace(std::vector<std::string>{w.scratch / "all"});
  CHECK(w.looks_after([&] { w.put("all/m/1/model.nn"); }));
  CHECK(w.looks_after([&] { w.put("all/n/1/model.nn"); }));
  CHECK(w.looks_after([&] { w.put("all/n/2/model.nn"); }));
  CHECK(w.looks_after([&] { fs::rename(w.scratch / "all", w.scratch / "away"); }));
  CHECK(w.looks_after([&] { fs::rename(w.scratch / "away", w.scratch / "all"); }));
  CHECK(w.looks_after([&] { w.put("all/n/3/model.nn"); }));
}

TEST_CASE("of a model's file, its own changes are heard only") {
  Watched w;
  w.put("m.nn");
  w.watch.emplace(std::vector<std::string>{w.scratch / "m.nn"});
  CHECK_FALSE(w.looks_after([&] { w.put("other.nn"); }));
  CHECK(w.looks_after([&] { w.put("m.nn"); }));
  CHECK(w.looks_after([&] { fs::remove(w.scratch / "m.nn"); }));
}

TEST_CASE("many changes are looked at once, and not for ever later") {
  Watched w;
  w.put("base/1/model.nn");
  w.watch.emplace(std::vector<std::string>{w.scratch / "base"});
  const auto start = w.now;
  const auto change = [&](int i) {
    w.put("base/" + std::to_string(i) + "/model.nn");
    w.watch->take(w.now);
  };
  CHECK_FALSE(w.watch->is_due(w.now + 1h));
  change(2);
  CHECK(w.watch->due() == start + 50ms);
  for (int i = 3; i < 20; ++i) {
    w.now += 40ms;
    CHECK_FALSE(w.watch->is_due(w.now));
    if (w.now >= start + 450ms) break;
    change(i);
    CHECK(w.watch->due() == std::min(w.now + 50ms, start + 500ms));
  }
  CHECK(w.watch->is_due(start + 500ms));
  CHECK_FALSE(w.watch->due());
}

TEST_CASE("when too much has happened to be told, all folders are looked at") {
  Watched w;
  w.put("base/1/model.nn");
  w.put("base/old/model.nn");
  w.watch.emplace(std::vector<std::string>{w.scratch / "base"});
  const std::size_t before = w.watch->folders();
  // More than /proc/sys/fs/inotify/max_queued_events has, usually 16384.
  for (int i = 0; i < 9000; ++i) {
    fs::create_directory(w.scratch / "base/x");
    fs::remove(w.scratch / "base/x");
  }
  w.put("base/2/model.nn");
  w.put("base/3/model.nn");
  fs::remove_all(w.scratch / "base/old");
  w.watch->take(w.now);
  CHECK(w.watch->due());
  CHECK(w.watch->folders() == before + 1);
  CHECK(w.watch->is_due(w.now + 50ms));
  CHECK(w.looks_after([&] { w.put("base/2/model.nn"); }));
}
