#include "study/lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <thread>
#include <utility>

#include "base/error.hpp"
#include "base/random.hpp"
#include "base/signals.hpp"
#include "base/text.hpp"
#include "base/wait.hpp"

namespace nn::study {
namespace {

using namespace std::chrono_literals;

// Who pauses much longer than others would never have its turn: Optuna's workers let go and take it again
// within microseconds.
constexpr std::chrono::milliseconds longest{20};

// The pauses double from the one to the other, and none is as long as another process's.
class Backoff {
 public:
  explicit Backoff(const Patience& patience) : patience_(patience) {}
  void pause() {
    const auto mixed = static_cast<std::uint64_t>(getpid()) * 0x9E3779B97F4A7C15 + ++count_;
    RandomStream random(mixed, RandomUse::shuffle);
    const auto most = std::chrono::duration_cast<Clock::duration>(next_);
    patience_.pause(most / 2 +
                    Clock::duration(random.below(static_cast<std::uint64_t>((most / 2).count()) + 1)));
    next_ = std::min<std::chrono::milliseconds>(next_ * 2, longest);
  }

 private:
  const Patience& patience_;
  std::chrono::milliseconds next_ = 1ms;
  std::uint64_t count_ = 0;
};

// Tells a link from one that took its place, also where that got the same inode.
std::string stamp_of_link(const std::string& path) {
  struct stat s {};
  if (lstat(path.c_str(), &s) != 0) return "";
  return fmt::format("{}:{}:{}.{}", s.st_dev, s.st_ino, s.st_ctim.tv_sec, s.st_ctim.tv_nsec);
}

// What must not change while somebody is thought to be dead: the link, and when its target was last written.
std::string stamp_of_lock(const std::string& path) {
  struct stat s {};
  std::string stamp = stamp_of_link(path);
  if (!stamp.empty() && stat(path.c_str(), &s) == 0) {
    stamp += fmt::format(" {}.{}", s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
  }
  return stamp;
}

std::string target_of(const std::string& link) {
  char target[PATH_MAX];
  const ssize_t size = readlink(link.c_str(), target, sizeof target);
  return size < 0 ? "" : std::string(target, static_cast<std::size_t>(size));
}

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// Takes a link away that is as it was seen: its name goes first, so that it can be looked at in peace. What
// turns out to be another one, made meanwhile, is put back.
void break_link(const std::string& link, const std::string& seen) {
  static std::uint64_t count = 0;
  const std::string aside = fmt::format("{}{}-{}-{}.rename", link, getpid(), ++count, seen.size());
  // An inode's ctime changes with its name.
  const auto without_time = [](const std::string& stamp) { return stamp.substr(0, stamp.rfind(':')); };
  if (stamp_of_link(link) != seen || rename(link.c_str(), aside.c_str()) != 0) return;
  if (without_time(stamp_of_link(aside)) != without_time(seen)) {
    const std::string target = target_of(aside);
    if (::link(aside.c_str(), link.c_str()) != 0 && errno != EEXIST && !target.empty()) {
      (void)!symlink(target.c_str(), link.c_str());
    }
  }
  unlink(aside.c_str());
}

[[noreturn]] void fail_busy(const std::string& journal, const std::string& who) {
  throw make_error(ErrorKind::unavailable, "other processes hold its lock all the time{}", who)
      .within_file(journal)
      .advise("; is one of them stopped (^Z), or does its disk hang?");
}

}  // namespace

void Patience::default_pause(Clock::duration time) { std::this_thread::sleep_for(time); }

void Patience::pause_or_stop(Clock::duration time) {
  throw_if_stopped();
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(time).count();
  pollfd stop{stop_descriptor(), POLLIN, 0};
  poll(&stop, 1, static_cast<int>(ms));
  throw_if_stopped();
}

// The text says whose it is, and leads to the journal, as Optuna's workers need it.
LinkLock::LinkLock(std::string journal) : link_(journal + ".lock"), target_("./" + base_name(journal)) {}

LinkLock::~LinkLock() {
  if (has_spare_) ::unlink(spare_.c_str());
}

void LinkLock::keep_spare(std::string spare) { spare_ = std::move(spare); }

// As symlink(2): false with EEXIST where somebody has made it before.
bool LinkLock::make() {
  if (!spare_.empty() && !has_spare_) {
    has_spare_ = symlink(target_.c_str(), spare_.c_str()) == 0;
    if (!has_spare_) spare_.clear();
  }
  if (has_spare_) {
    if (::link(spare_.c_str(), link_.c_str()) == 0) return true;
    if (errno == EEXIST) return false;
    spare_.clear();  // it went away, or file systems here don't do that
    has_spare_ = false;
  }
  return symlink(target_.c_str(), link_.c_str()) == 0;
}

void LinkLock::lock(const Patience& patience, Clock::time_point deadline, bool sure_locks) {
  Backoff backoff(patience);
  for (;;) {
    if (make()) {
      made_ = stamp_of_link(link_);
      return;
    }
    if (errno != EEXIST) fail_errno(link_);
    const Clock::time_point now = patience.clock->now();
    const std::string stamp = stamp_of_lock(link_);
    if (stamp.empty()) continue;  // it went away
    const bool is_ours = target_of(link_) == target_;
    if (stamp != seen_) {
      seen_ = stamp;
      since_ = now;
    }
    if ((is_ours && sure_locks) || now - since_ > stale_after) {
      break_link(link_, stamp.substr(0, stamp.find(' ')));
      seen_.clear();
      continue;
    }
    if (now >= deadline) {
      fail_busy(link_.substr(0, link_.size() - 5), fmt::format(" ({})", printable(link_)));
    }
    backoff.pause();
  }
}

bool LinkLock::is_mine() const { return !made_.empty() && stamp_of_link(link_) == made_; }

void LinkLock::unlock() noexcept {
  try {
    if (is_mine()) unlink(link_.c_str());
  } catch (...) {
    // Without memory it stays, and is broken as that of a process that died.
  }
  made_.clear();
}

WriteLock::WriteLock(JournalFile& file, const std::string& name, LinkLock& link, const Patience& patience)
    : file_(file), link_(link), patience_(patience) {
  const Clock::time_point deadline = patience.clock->now() + patience.limit;
  Backoff backoff(patience);
  while (!file.try_lock()) {
    if (patience.clock->now() >= deadline) fail_busy(name, "");
    backoff.pause();
  }
  try {
    link.lock(patience, deadline, file.has_sure_locks());
  } catch (...) {
    file.unlock();
    throw;
  }
  since_ = patience.clock->now();
}

WriteLock::~WriteLock() {
  link_.unlock();
  file_.unlock();
}

bool WriteLock::is_sure() const {
  return patience_.clock->now() - since_ < LinkLock::stale_after / 2 && link_.is_mine();
}

}  // namespace nn::study
