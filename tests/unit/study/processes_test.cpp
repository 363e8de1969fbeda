// Many on one journal, in threads and in processes that are killed.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>

#include "../catch.hpp"
#include "base/error.hpp"
#include "fake_file.hpp"
#include "study/study.hpp"

using namespace nn;
using namespace nn::study;

namespace {

const Propose draw = [](const search::Space&, const search::History&, std::uint64_t, RandomStream& random) {
  return std::optional(search::Proposal{{random.uniform()}, search::SamplerKind::random});
};

Study open(const std::string& path, const std::string& run) {
  Opening opening;
  opening.objectives = {{"loss", Direction::minimize}};
  opening.header = Header{.version = "1", .space = {"x=uniform:0:1"}};
  return Study(path, opening, {run, {}, {}});
}

std::string text_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// Each trial has ended once, and numbers are without a gap.
void check_journal(const std::string& path, std::size_t trials) {
  const std::string text = text_of(path);
  Replay replay(path);
  REQUIRE(replay.apply(text) == text.size());
  CHECK(replay.notice_count() == 0);
  REQUIRE(replay.studies().size() == 1);
  CHECK(replay.studies()[0].count(State::complete) == trials);
  CHECK(replay.studies()[0].trials.size() == trials);
  std::map<std::uint64_t, int> ends;
  std::istringstream lines(text);
  Line line;
  for (std::string one; std::getline(lines, one);) {
    REQUIRE_FALSE(parse_line(one, line));
    if (line.op == Op::state && line.state == 1u) ++ends[*line.trial];
  }
  CHECK(ends.size() == trials);
  for (const auto& [trial, times] : ends) CHECK(times == 1);
}

// One run of nn-sweep, in a process of its own, which dies now and then. Never returns.
[[noreturn]] void work(const std::string& path, const Quota& quota, std::uint64_t luck) {
  RandomStream random(luck, RandomUse::shuffle);
  Presence presence(path);
  Study study = open(path, presence.id());
  Observer observer(path, study.journal().has_sure_locks());
  const auto die = [&] {
    if (random.below(12) == 0) kill(getpid(), SIGKILL);
  };
  for (;;) {
    std::optional<Run> run;
    if (const auto asked = study.ask(quota, draw, {})) {
      run = asked->run;
    } else {
      const auto lost =
          study.lost(observer, std::chrono::time_point_cast<Date::duration>(Date::clock::now()));
      if (lost.empty() && study.log().finished() >= quota.trials) _exit(0);
      if (!lost.empty()) {
        study.commit(Durable::yes, [&](Change& change) { run = change.next_attempt(lost[0], "lost", {}); });
      }
    }
    if (!run) {
      std::this_thread::yield();
      study.refresh();
      continue;
    }
    die();
    // Nobody else may run it now.
    const std::string name = path + "." + std::to_string(run->number);
    const int fd = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) _exit(3);
    die();
    study.commit(Durable::yes, [&](Change& change) { change.report(*run, 1, random.uniform()); });
    study.commit(Durable::yes,
                 [&](Change& change) { change.end(*run, State::complete, {random.uniform()}, {}); });
    die();
    ::close(fd);
  }
}

}  // namespace

TEST_CASE("eight threads share a journal") {
  test::Folder folder;
  const std::string path = folder / "s.jsonl";
  constexpr std::size_t trials = 80;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&path, t] {
      Study study = open(path, "h:" + std::to_string(t) + ":b:1:r");
      while (const auto asked = study.ask({.trials = trials}, draw, {})) {
        study.commit(Durable::no,
                     [&](Change& change) { change.end(asked->run, State::complete, {0.5}, {}); });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  check_journal(path, trials);
}

TEST_CASE("eight processes share a journal, and are killed at random") {
  test::Folder folder;
  const std::string path = folder / "s.jsonl";
  const Quota quota{.trials = 60};
  std::uint64_t luck = 0;
  int running = 0, killed = 0;
  bool over = false;
  while (!over || running > 0) {
    while (!over && running < 8) {
      const pid_t child = fork();
      REQUIRE(child >= 0);
      if (child == 0) {
        try {
          work(path, quota, ++luck);
        } catch (const std::exception& error) {
          fprintf(stderr, "%s\n", error.what());
        }
        _exit(4);
      }
      ++luck;
      ++running;
    }
    int status = 0;
    REQUIRE(wait(&status) > 0);
    --running;
    if (WIFSIGNALED(status)) {
      CHECK(WTERMSIG(status) == SIGKILL);
      ++killed;
    } else {
      CHECK(WEXITSTATUS(status) == 0);
      over = true;
    }
  }
  CHECK(killed > 0);
  check_journal(path, quota.trials);
}
