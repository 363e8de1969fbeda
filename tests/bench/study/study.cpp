// Journals: how fast they are read, and written.
//
//   bench-study make TRIALS JOURNAL    a journal as Optuna's workers would write one, about 1 kB a trial
//   bench-study replay JOURNAL         seconds until its trials are columns: on the wall, of the processor;
//   and kB bench-study append FOLDER COUNT    seconds for each line: without and with a sync, and of a sync
//   alone
#include "study/study.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <fstream>
#include <string>
#include <vector>

#include "base/error.hpp"

using namespace nn;
using namespace nn::study;

namespace {

double wall() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double processor() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

search::Space space() {
  return search::Space::parse({"lr=loguniform:0.0001:0.1", "layers=int:1:4", "opt=choice:adam,sgd",
                               "m=uniform:0:1", "w=intlog:8:512"});
}

// From 0 to 1, all over the place.
double share(std::uint64_t i, std::uint64_t factor, std::uint64_t of) {
  return static_cast<double>(i * factor % of) / static_cast<double>(of);
}

void make(std::size_t trials, const std::string& path) {
  std::ofstream file(path);
  const Identity who{"py:h:1:1-1"};
  const search::Space all = space();
  file << study_line(who, "s", {Direction::minimize}, "{}");
  const Date start = *parse_date("2026-11-28T15:12:48.874207+00:00"), end = start + std::chrono::minutes(1);
  for (std::uint32_t i = 0; i < trials; ++i) {
    NewTrial trial{};
    trial.id = i;
    trial.start = start;
    const double values[] = {1e-3, 2, i % 2 ? 1.0 : 0.0, share(i, 7919, 10007), 64};
    for (std::size_t p = 0; p < all.size(); ++p)
      trial.parameters.push_back({&all.parameters()[p], values[p]});
    trial.keys.slot = "cpu:0";
    file << trial_line(who, trial);
    file << end_line(who, {i, 0}, State::complete, {share(i, 104729, 10009)}, end, {});
  }
}

void replay(const std::string& path) {
  const double wall_begin = wall(), begin = processor();
  Study study = Study::read(path);
  const std::size_t rows = study.history().size();
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  fmt::print("{} trials: {:.3f} s, {:.3f} s of the processor, {} kB\n", rows, wall() - wall_begin,
             processor() - begin, usage.ru_maxrss);
}

void append(const std::string& folder, int count) {
  const std::string path = folder + "/append.jsonl";
  Opening opening;
  opening.objectives = {{"loss", Direction::minimize}};
  opening.header = Header{.version = "bench", .space = {"x=uniform:0:1"}};
  {
    Study study(path, opening, {"h:1:b:1:r", {}, {}});
    for (const Durable durable : {Durable::no, Durable::yes}) {
      const double begin = wall(), used = processor();
      for (int i = 0; i < count; ++i) {
        study.commit(durable, [&](Change& change) { change.start({0.5}, {.seed = 1, .sampler = "random"}); });
      }
      fmt::print("{}: {:.1f} us a line, {:.1f} us of the processor\n",
                 durable == Durable::yes ? "durable" : "not durable", 1e6 * (wall() - begin) / count,
                 1e6 * (processor() - used) / count);
    }
  }
  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
  const double begin = wall();
  for (int i = 0; i < count; ++i) {
    if (pwrite(fd, "x", 1, 1'000'000 + i) != 1 || fdatasync(fd) != 0) fail_errno(path);
  }
  fmt::print("fdatasync alone: {:.1f} us\n", 1e6 * (wall() - begin) / count);
  close(fd);
  unlink(path.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  try {
    if (words.size() == 3 && words[0] == "make") {
      make(std::strtoul(words[1].c_str(), nullptr, 10), words[2]);
    } else if (words.size() == 2 && words[0] == "replay") {
      replay(words[1]);
    } else if (words.size() == 3 && words[0] == "append") {
      append(words[1], std::atoi(words[2].c_str()));
    } else {
      fmt::print(stderr, "bench-study: make TRIALS JOURNAL, replay JOURNAL or append FOLDER COUNT\n");
      return exit_usage;
    }
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench-study: {}\n", error.what());
    return exit_failed;
  }
  return 0;
}
