// Who is alive: a lock first, a counter second, and whoever can't count ends its work before others begin it.
#include "study/presence.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "../catch.hpp"
#include "base/error.hpp"
#include "fake_file.hpp"

using namespace nn;
using namespace nn::study;
using namespace std::chrono_literals;
using Seconds = std::chrono::seconds;

namespace {

struct Bed {
  test::Folder folder;
  test::ManualClock clock;
  std::string journal = folder / "s.jsonl";
};

// A run of another host, of which only the file is seen.
void write_run(const Bed& bed, const std::string& id, int counter) {
  std::filesystem::create_directory(bed.journal + ".d");
  std::ofstream(bed.journal + ".d/run-" + id) << counter << "\n";
}

}  // namespace

TEST_CASE("a run is alive as long as its process, where locks are sure") {
  Bed bed;
  Observer observer(bed.journal, true, bed.clock);
  auto presence = std::make_unique<Presence>(bed.journal, bed.clock);
  const std::string id = presence->id();
  CHECK_FALSE(observer.is_dead(id));
  CHECK(is_process_alive(id) == true);
  presence.reset();
  CHECK(observer.is_dead(id));
}

TEST_CASE("a run isn't dead as long as a process has its lock, whoever was killed") {
  for (const bool sure_locks : {true, false}) {
    INFO(sure_locks);
    Bed bed;
    Observer observer(bed.journal, sure_locks, bed.clock);
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    // The run, and what it started, which holds the lock until the pipe says so.
    const pid_t run = fork();
    if (run == 0) {
      const Presence presence(bed.journal, bed.clock);
      if (fork() == 0) {
        char byte;
        close(pipe[1]);
        _exit(static_cast<int>(read(pipe[0], &byte, 1)));
      }
      _exit(0);
    }
    close(pipe[0]);
    REQUIRE(waitpid(run, nullptr, 0) == run);
    std::string id;
    for (const auto& file : std::filesystem::directory_iterator(bed.journal + ".d"))
      id = file.path().filename().string().substr(4);
    CHECK(is_process_alive(id) == false);
    CHECK_FALSE(observer.is_dead(id));
    close(pipe[1]);
    while (!observer.is_dead(id)) {
    }
    observer.tidy();
    CHECK(std::filesystem::is_empty(bed.journal + ".d"));
  }
}

TEST_CASE("a run that ends leaves its file to those who still have its lock") {
  Bed bed;
  auto presence = std::make_unique<Presence>(bed.journal, bed.clock);
  const std::string id = presence->id();
  int held = dup(presence->lock_descriptor());
  presence.reset();
  Observer observer(bed.journal, true, bed.clock);
  CHECK_FALSE(observer.is_dead(id));
  close(held);
  CHECK(observer.is_dead(id));
}

TEST_CASE("a counter that stands still for a lease is a dead run's") {
  Bed bed;
  Observer observer(bed.journal, false, bed.clock, 120s);
  write_run(bed, "far:1:b:2:r", 1);
  CHECK_FALSE(observer.is_dead("far:1:b:2:r"));
  bed.clock.advance(119s);
  CHECK_FALSE(observer.is_dead("far:1:b:2:r"));
  write_run(bed, "far:1:b:2:r", 2);
  CHECK_FALSE(observer.is_dead("far:1:b:2:r"));
  bed.clock.advance(119s);
  CHECK_FALSE(observer.is_dead("far:1:b:2:r"));
  bed.clock.advance(1s);
  CHECK(observer.is_dead("far:1:b:2:r"));
  // A lock that can be taken says nothing where locks aren't sure; where they are, it says all.
  write_run(bed, "far:1:b:2:r", 3);
  write_run(bed, "far:1:b:2:r.link", 3);
  CHECK_FALSE(observer.is_dead("far:1:b:2:r"));
  CHECK(Observer(bed.journal, true, bed.clock).is_dead("far:1:b:2:r"));
  observer.tidy();
  CHECK(std::filesystem::exists(bed.journal + ".d/run-far:1:b:2:r"));
  bed.clock.advance(120s);
  observer.tidy();
  CHECK_FALSE(std::filesystem::exists(bed.journal + ".d/run-far:1:b:2:r"));
  CHECK_FALSE(std::filesystem::exists(bed.journal + ".d/run-far:1:b:2:r.link"));
  CHECK_FALSE(observer.is_dead("../../etc/passwd"));
}

TEST_CASE("who can't count ends its work before anybody takes it for dead") {
  for (const int late : {59, 60, 61, 10'000}) {
    Bed bed;
    Presence presence(bed.journal, bed.clock, 120s);
    Observer observer(bed.journal, false, bed.clock, 120s);
    CHECK_FALSE(observer.is_dead(presence.id()));
    bed.clock.advance(Seconds(late));  // as when it was stopped, or the machine slept
    INFO(late);
    const bool must_stop = presence.must_stop();
    CHECK(must_stop == (late >= 60));
    if (observer.is_dead(presence.id())) CHECK(must_stop);
    CHECK(presence.beat() == !must_stop);
    CHECK(presence.must_stop() == must_stop);  // it doesn't come back by itself
    const std::string before = presence.id();
    presence.rejoin();
    CHECK(presence.id() != before);
    CHECK_FALSE(presence.must_stop());
    CHECK_FALSE(observer.is_dead(presence.id()));
  }
}

TEST_CASE("a run whose file was taken away knows that it is taken for dead") {
  Bed bed;
  Presence presence(bed.journal, bed.clock);
  CHECK(presence.beat());
  std::filesystem::remove_all(bed.journal + ".d");
  CHECK_FALSE(presence.beat());
  CHECK(presence.must_stop());
}

TEST_CASE("processes are told apart from others that get their number") {
  const std::string mine = process_id(getpid());
  CHECK(is_process_alive(mine) == true);
  std::string other = mine;
  other.back() = other.back() == '1' ? '2' : '1';
  CHECK(is_process_alive(other) == false);
  CHECK_FALSE(is_process_alive("elsewhere:1:b:2"));
  CHECK_FALSE(is_process_alive("x"));
  const pid_t child = fork();
  if (child == 0) _exit(0);
  const std::string id = process_id(child);
  waitpid(child, nullptr, 0);
  CHECK(is_process_alive(id) == false);
  CHECK_THROWS_AS(process_id(child), Error);
}
