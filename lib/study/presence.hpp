// Which runs of nn-sweep are alive, of all that share a journal: a lock first, a counter second.
//
// Each has a file JOURNAL.d/run-ID with its lock for life, and counts up in it. Another one is dead when its
// file is gone, when its lock can be taken (where locks are sure, or its process was on this host and is
// gone), or when its counter stood still for a whole lease by the observer's own clock, which goes on while
// the machine sleeps. Who couldn't count for half a lease ends its trials, before anybody else can think that
// it is dead. The lock is that of an open file: processes that inherited it keep the run from being taken for
// dead after its own process was killed, until all of them have ended.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/file.hpp"

namespace nn::study {

inline constexpr std::chrono::seconds default_lease{120};

// A clock that counts the time a machine sleeps (CLOCK_BOOTTIME).
Clock& boot_clock();

// "host:pid:boot:start:random": nobody else has it, in whatever container.
std::string make_run_id();
// Whether the process that a run's id or `process_id()` names is alive; nothing where this host can't know.
std::optional<bool> is_process_alive(std::string_view id);
// "host:pid:boot:start" of a process of this host, for --owner-pid. Usage error where there is none.
std::string process_id(int pid);

// This run's. One thread.
class Presence {
 public:
  // Makes the folder and the file. Io errors.
  Presence(const std::string& journal, const Clock& clock = boot_clock(),
           Clock::duration lease = default_lease);
  // It has left: removes its file, unless another process still holds the lock.
  ~Presence();
  Presence(const Presence&) = delete;

  const std::string& id() const { return id_; }
  // Its file. Others of the run have this name and an ending, ".sock": who tidies up takes them away with it.
  const std::string& path() const { return path_; }
  // For processes that end after this one, with what is this run's: see above. The lock of this id() only.
  int lock_descriptor() const { return fd_.get(); }
  // Counts up, every beat_pause() or so. False where that failed, or the file is gone: somebody took this
  // run for dead.
  bool beat();
  // Whether its trials must be ended, since others may soon, or already do, take it for dead. It stays so
  // until rejoin(), which gives it another id.
  bool must_stop() const;
  // When beat() has to have worked again.
  Clock::time_point deadline() const { return beaten_ + lease_ / 2; }
  Clock::duration lease() const { return lease_; }
  Clock::duration beat_pause() const { return lease_ / 8; }
  Clock::duration since_beat() const { return clock_.now() - beaten_; }  // that worked
  void rejoin();

 private:
  void join();
  std::string folder_, id_, path_;
  const Clock& clock_;
  Clock::duration lease_;
  UniqueFd fd_;
  std::uint64_t counter_ = 0;
  Clock::time_point beaten_;
  bool lost_ = false;
};

// What it has seen of others. One thread.
class Observer {
 public:
  Observer(const std::string& journal, bool sure_locks, const Clock& clock = boot_clock(),
           Clock::duration lease = default_lease);
  // Looks at its file. A run that is not known to be dead is alive.
  bool is_dead(std::string_view run_id);
  // Whether a dead one took its leave, all its trials having ended before. What others leave behind may end
  // some time after them.
  bool has_left(std::string_view run_id) const;
  // Removes the files of dead runs.
  void tidy();
  // Ids of runs that are not known to be dead.
  std::vector<std::string> alive();

 private:
  std::multimap<std::string, std::string> files() const;
  struct Sight {
    std::string counter;
    Clock::time_point since;
  };
  std::string folder_;
  bool sure_locks_;
  const Clock& clock_;
  Clock::duration lease_;
  std::map<std::string, Sight, std::less<>> sights_;
};

}  // namespace nn::study
