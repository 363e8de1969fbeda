// Optuna's lock, as its workers see it.
#include "study/lock.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <optional>

#include "../catch.hpp"
#include "base/error.hpp"
#include "fake_file.hpp"

using namespace nn;
using namespace nn::study;
using namespace std::chrono_literals;

namespace {

bool exists(const std::string& path) {
  struct stat s {};
  return lstat(path.c_str(), &s) == 0;
}

struct Bed {
  test::Folder folder;
  test::ManualClock clock;
  std::string path = folder / "s.jsonl", link = path + ".lock";
  Bed() { std::ofstream(path) << "x\n"; }
  void lock(LinkLock& lock, bool sure = true, Clock::duration limit = 40s) {
    lock.lock(test::patience(clock), clock.now() + limit, sure);
  }
};

}  // namespace

TEST_CASE("the link leads to the journal, and goes") {
  Bed bed;
  const bool has_spare = GENERATE(false, true);
  std::optional<LinkLock> made(std::in_place, bed.path);
  LinkLock& lock = *made;
  const std::string spare = bed.path + ".spare";
  if (has_spare) lock.keep_spare(spare);
  bed.lock(lock);
  CHECK(lock.is_mine());
  struct stat a {
  }, b{};
  REQUIRE(stat(bed.link.c_str(), &a) == 0);  // Optuna looks at the target's time
  REQUIRE(stat(bed.path.c_str(), &b) == 0);
  CHECK(a.st_ino == b.st_ino);
  lock.unlock();
  CHECK_FALSE(exists(bed.link));
  CHECK(exists(spare) == has_spare);
  bed.lock(lock);
  CHECK(lock.is_mine());
  lock.unlock();
  unlink(spare.c_str());  // by whom it was taken for a dead run's
  bed.lock(lock);
  CHECK(lock.is_mine());
  lock.unlock();
  CHECK_FALSE(exists(bed.link));
  if (has_spare) lock.keep_spare(spare);
  bed.lock(lock);
  lock.unlock();
  made.reset();
  CHECK_FALSE(exists(spare));
}

TEST_CASE("a link of Optuna's is waited for, as long as its journal changes") {
  Bed bed;
  REQUIRE(symlink(bed.path.c_str(), bed.link.c_str()) == 0);
  LinkLock lock(bed.path);
  SECTION("it goes") {
    Patience patience = test::patience(bed.clock);
    patience.pause = [&](Clock::duration time) {
      bed.clock.advance(time);
      if (bed.clock.now().time_since_epoch() > 5s) unlink(bed.link.c_str());
    };
    lock.lock(patience, bed.clock.now() + 10s, true);
    CHECK(lock.is_mine());
  }
  SECTION("it stays: then it is nobody's after 30 seconds") {
    bed.lock(lock);
    CHECK(bed.clock.now().time_since_epoch() > 30s);
    CHECK(bed.clock.now().time_since_epoch() < 31s);
    CHECK(lock.is_mine());
  }
  SECTION("the journal goes on being written") {
    Patience patience = test::patience(bed.clock);
    long time = 0;
    patience.pause = [&](Clock::duration t) {
      bed.clock.advance(t);
      const timespec times[2] = {{++time, 0}, {time, 0}};
      utimensat(AT_FDCWD, bed.path.c_str(), times, 0);
    };
    CHECK_THROWS_AS(lock.lock(patience, bed.clock.now() + 60s, true), Error);
    CHECK(exists(bed.link));
  }
}

TEST_CASE("a link of ours that a dead process left is broken at once, where locks are sure") {
  Bed bed;
  LinkLock dead(bed.path), lock(bed.path);
  if (GENERATE(false, true)) {
    dead.keep_spare(bed.path + ".spare1");
    lock.keep_spare(bed.path + ".spare2");
  }
  bed.lock(dead);
  bed.lock(lock, true);
  CHECK(bed.clock.now().time_since_epoch() < 1s);
  CHECK(lock.is_mine());
  CHECK_FALSE(dead.is_mine());
  dead.unlock();  // what isn't its own stays
  CHECK(lock.is_mine());
  LinkLock other(bed.path);
  CHECK_THROWS_AS(bed.lock(other, false, 20s), Error);
  CHECK(lock.is_mine());
}

TEST_CASE("a link whose target isn't there is nobody's after a while, too") {
  Bed bed;
  // What Optuna makes of a relative path in another folder.
  REQUIRE(symlink("sub/s.jsonl", bed.link.c_str()) == 0);
  LinkLock lock(bed.path);
  bed.lock(lock);
  CHECK(lock.is_mine());
}

TEST_CASE("what a dead worker of Optuna's left is broken in the end, however short each wait is") {
  Bed bed;
  REQUIRE(symlink(bed.path.c_str(), bed.link.c_str()) == 0);
  LinkLock lock(bed.path);
  CHECK_THROWS_AS(bed.lock(lock, true, 20s), Error);
  bed.lock(lock, true, 20s);
  CHECK(lock.is_mine());
  CHECK(Patience{}.limit > LinkLock::stale_after);
}
