#include "study/presence.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <ctime>
#include <fstream>
#include <sstream>
#include <vector>

#include "base/error.hpp"
#include "base/text.hpp"

namespace nn::study {
namespace {

constexpr std::string_view prefix = "run-";

class BootClock : public Clock {
 public:
  time_point now() const override {
    timespec t{};
    clock_gettime(CLOCK_BOOTTIME, &t);
    return time_point(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec));
  }
  std::chrono::system_clock::time_point date() const override { return std::chrono::system_clock::now(); }
  std::unique_ptr<Alarm> alarm(time_point, std::function<void()>) override { return nullptr; }
};

std::string host_name() {
  char name[HOST_NAME_MAX + 1] = {};
  gethostname(name, sizeof name - 1);
  std::string text;
  for (const char c : std::string_view(name)) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
    text += plain ? c : '_';
  }
  return text.empty() ? "host" : text;
}

// This start of this machine, and whose processes have these numbers: containers share the one, and have each
// their own of the other.
std::string boot_name() {
  std::string id;
  std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), id);
  struct stat space {};
  stat("/proc/self/ns/pid", &space);
  return fmt::format("{}-{:x}", id.substr(0, 8), space.st_ino);
}

// When a process started, in ticks since the machine did; 0 where there is none.
std::uint64_t start_of(long pid) {
  std::string line;
  std::getline(std::ifstream(fmt::format("/proc/{}/stat", pid)), line);
  const std::size_t behind_name = line.rfind(')');
  if (behind_name == std::string::npos) return 0;
  std::istringstream rest(line.substr(behind_name + 1));
  std::string word;
  constexpr int start_field = 20;  // from the state on, which is the first behind the name
  for (int i = 0; i < start_field; ++i) rest >> word;
  return std::strtoull(word.c_str(), nullptr, 10);
}

std::string name_process(long pid) {
  return fmt::format("{}:{}:{}:{}", host_name(), pid, boot_name(), start_of(pid));
}

struct flock whole_file(int type) {
  struct flock lock {};
  lock.l_type = static_cast<short>(type);
  lock.l_whence = SEEK_SET;
  return lock;
}

// By anybody but this open file. False where locks can't be asked for.
bool is_locked(int fd) {
  struct flock lock = whole_file(F_WRLCK);
  return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

bool is_same_file(const std::string& path, int fd) {
  struct stat mine {
  }, there{};
  return fstat(fd, &mine) == 0 && stat(path.c_str(), &there) == 0 && mine.st_dev == there.st_dev &&
         mine.st_ino == there.st_ino;
}

}  // namespace

Clock& boot_clock() {
  static BootClock clock;
  return clock;
}

std::string make_run_id() {
  std::uint32_t random = 0;
  if (getrandom(&random, sizeof random, 0) != sizeof random) fail_errno("getrandom");
  return fmt::format("{}:{:08x}", name_process(getpid()), random);
}

std::optional<bool> is_process_alive(std::string_view id) {
  const std::vector<std::string> parts = split(id, ':');
  if (parts.size() < 4 || parts[0] != host_name() || parts[2] != boot_name()) return std::nullopt;
  const std::uint64_t start = start_of(std::strtol(parts[1].c_str(), nullptr, 10));
  return start != 0 && std::to_string(start) == parts[3];
}

std::string process_id(int pid) {
  if (pid <= 0 || start_of(pid) == 0) fail_usage("there is no process {}", pid);
  return name_process(pid);
}

Presence::Presence(const std::string& journal, const Clock& clock, Clock::duration lease)
    : folder_(journal + ".d"), clock_(clock), lease_(lease) {
  constexpr int searchable = 0755;
  if (mkdir(folder_.c_str(), searchable) != 0 && errno != EEXIST) fail_errno(folder_);
  join();
}

Presence::~Presence() {
  if (!fd_ || !is_same_file(path_, fd_.get())) return;
  fd_.reset();
  const UniqueFd fd(open(path_.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd || !is_locked(fd.get())) unlink(path_.c_str());
}

void Presence::join() {
  // Who tidies up may have taken the file for a dead run's, before it was locked.
  for (int tries = 0; tries < 10; ++tries) {
    id_ = make_run_id();
    path_ = fmt::format("{}/{}{}", folder_, prefix, id_);
    constexpr int readable = 0644;
    fd_ = UniqueFd(open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, readable));
    if (!fd_) fail_errno(path_);
    struct flock lock = whole_file(F_WRLCK);
    if (fcntl(fd_.get(), F_OFD_SETLK, &lock) != 0 && errno != EAGAIN && errno != EACCES) fail_errno(path_);
    lost_ = false;
    beaten_ = clock_.now();
    if (beat()) return;
    const int error = errno;
    if (!is_same_file(path_, fd_.get())) continue;
    unlink(path_.c_str());
    fail_errno(path_, error);
  }
  throw make_error(ErrorKind::io, "a file of this run's disappears at once").within_file(path_);
}

bool Presence::beat() {
  const Clock::time_point now = clock_.now();
  if (must_stop()) lost_ = true;
  if (lost_) return false;
  if (!is_same_file(path_, fd_.get())) {
    lost_ = true;
    return false;
  }
  const std::string text = fmt::format("{:020}\n", ++counter_);
  errno = ENOSPC;  // what a short write means
  const bool written = pwrite(fd_.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
  // Over NFS others see it no sooner.
  if (!written || fdatasync(fd_.get()) != 0) return false;
  beaten_ = now;
  return true;
}

bool Presence::must_stop() const { return lost_ || clock_.now() - beaten_ >= lease_ / 2; }

void Presence::rejoin() {
  if (fd_ && is_same_file(path_, fd_.get())) unlink(path_.c_str());
  join();
}

Observer::Observer(const std::string& journal, bool sure_locks, const Clock& clock, Clock::duration lease)
    : folder_(journal + ".d"), sure_locks_(sure_locks), clock_(clock), lease_(lease) {}

bool Observer::is_dead(std::string_view run_id) {
  if (run_id.empty() || run_id.find('/') != std::string_view::npos) return false;
  // Opened anew each time: that is what makes NFS look.
  const std::string path = fmt::format("{}/{}{}", folder_, prefix, run_id);
  const UniqueFd fd(open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) return errno == ENOENT;
  struct flock lock = whole_file(F_WRLCK);
  const bool may_ask = fcntl(fd.get(), F_OFD_GETLK, &lock) == 0;
  const bool is_free = may_ask && lock.l_type == F_UNLCK;
  if (is_free && sure_locks_) return true;
  // Its agent may be ending its trials still: then it has the lock, which this host sees on any file system.
  if ((is_free || !may_ask) && is_process_alive(run_id) == std::optional(false)) return true;
  char text[64];
  const ssize_t size = pread(fd.get(), text, sizeof text, 0);
  const std::string counter(text, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  const Clock::time_point now = clock_.now();
  const auto [seen, is_new] = sights_.try_emplace(std::string(run_id), Sight{counter, now});
  if (is_new || seen->second.counter != counter) {
    seen->second = {counter, now};
    return false;
  }
  return now - seen->second.since >= lease_;
}

bool Observer::has_left(std::string_view run_id) const {
  struct stat status {};
  return lstat(fmt::format("{}/{}{}", folder_, prefix, run_id).c_str(), &status) != 0 && errno == ENOENT;
}

// Those that are there, by their run.
std::multimap<std::string, std::string> Observer::files() const {
  std::multimap<std::string, std::string> files;
  DIR* folder = opendir(folder_.c_str());
  if (!folder) return files;
  while (const dirent* entry = readdir(folder)) {
    const std::string_view name = entry->d_name;
    // A host's name may have dots too.
    const std::size_t ending = name.find('.', std::min(name.rfind(':'), name.size()));
    if (name.starts_with(prefix)) files.emplace(name.substr(0, ending).substr(prefix.size()), name);
  }
  closedir(folder);
  return files;
}

std::vector<std::string> Observer::alive() {
  const auto all = files();
  std::vector<std::string> alive;
  for (auto file = all.begin(); file != all.end(); file = all.upper_bound(file->first)) {
    if (!is_dead(file->first)) alive.push_back(file->first);
  }
  return alive;
}

void Observer::tidy() {
  const auto all = files();
  for (auto file = all.begin(); file != all.end();) {
    const std::string& run = file->first;
    const auto end = all.upper_bound(run);
    if (is_dead(run)) {
      for (auto dead = file; dead != end; ++dead) unlink(fmt::format("{}/{}", folder_, dead->second).c_str());
      sights_.erase(run);
    }
    file = end;
  }
}

}  // namespace nn::study
