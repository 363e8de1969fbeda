// Who may write to a journal: one at a time, on whatever host, in whatever language.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "study/journal_file.hpp"

namespace nn::study {

// How locks are waited for. Tests move a clock in `pause`.
struct Patience {
  const Clock* clock = &Clock::machine();
  // Waits so long.
  std::function<void(Clock::duration)> pause = default_pause;
  // How long a lock is waited for: then it is an Unavailable error, which says who has it as far as is known.
  // It is longer than LinkLock::stale_after, so that what a dead process left is seen for what it is.
  Clock::duration limit = std::chrono::seconds(60);
  // A stop that is requested (base/signals.hpp) doesn't end it: what has run must still be written down.
  static void default_pause(Clock::duration time);
  // The same for who has nothing to write yet: throws Interrupted.
  static void pause_or_stop(Clock::duration time);
};

// Optuna's lock: a symbolic link PATH.lock, which its workers make and remove. One whose link and target stay
// unchanged for 30 seconds is nobody's any more. Ours is told apart by its text: since ours are made under
// the journal's own lock, one that is there when that is taken was left by a process that died, where locks
// are sure.
class LinkLock {
 public:
  static constexpr std::chrono::seconds stale_after{30};

  explicit LinkLock(std::string journal);
  ~LinkLock();
  LinkLock(const LinkLock&) = delete;
  // The link is made and removed by its name alone, which is quicker than a new one each time: `spare` is
  // another name that it has meanwhile, on the same file system. Where that can't be, all is as without.
  void keep_spare(std::string spare);
  // Waits with what is left until `deadline`.
  void lock(const Patience& patience, Clock::time_point deadline, bool sure_locks);
  void unlock() noexcept;  // what is not ours any more stays
  bool is_mine() const;    // nobody took it away

 private:
  bool make();
  std::string link_, target_;
  std::string spare_;  // empty: none
  bool has_spare_ = false;
  // The link of somebody else as it was first seen, in this wait or one before.
  std::string seen_;
  Clock::time_point since_{};
  std::string made_;  // which link we made; empty: none
};

// Both locks: the file's own, then the link. In scope only.
class WriteLock {
 public:
  // `name` is the journal's, for messages.
  WriteLock(JournalFile& file, const std::string& name, LinkLock& link, const Patience& patience);
  ~WriteLock();
  WriteLock(const WriteLock&) = delete;
  // Held for so short a time that nobody can have taken it for dead, and the link is still ours.
  bool is_sure() const;

 private:
  JournalFile& file_;
  LinkLock& link_;
  const Patience& patience_;
  Clock::time_point since_;
};

}  // namespace nn::study
