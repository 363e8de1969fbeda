#include "sweep/guard.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <memory>
#include <new>
#include <set>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace nn::sweep {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds between_looks{20};
constexpr std::chrono::seconds for_the_killed{10};

void pause_for(std::chrono::milliseconds time) { ::poll(nullptr, 0, static_cast<int>(time.count())); }

// Until nobody is left; false where the time was over first.
template <typename Left>
bool none_left_within(std::chrono::milliseconds time, Left left) {
  for (const auto end = Clock::now() + time; left();) {
    if (Clock::now() >= end) return false;
    pause_for(between_looks);
  }
  return true;
}

void signal_all(const std::set<pid_t>& groups, const std::string& mark, int signal) {
  for (const pid_t group : groups) ::kill(-group, signal);
  for (const pid_t pid : processes_with(mark)) ::kill(pid, signal);
}

void end_all(const std::set<pid_t>& groups, const std::string& mark, std::chrono::milliseconds patience) {
  const auto left = [&] {
    for (const pid_t group : groups) {
      if (::kill(-group, 0) == 0) return true;
    }
    return !processes_with(mark).empty();
  };
  if (!left()) return;
  signal_all(groups, mark, SIGTERM);
  signal_all(groups, mark, SIGCONT);
  if (none_left_within(patience, left)) return;
  none_left_within(for_the_killed, [&] {
    signal_all(groups, mark, SIGKILL);  // each time: they may have made new ones
    return left();
  });
}

// The guard's own life. It holds on to nothing of the agent: an open descriptor would keep a connection
// alive.
[[noreturn]] void guard(int pipe, const Guard::Groups& noted, const std::string& mark,
                        std::chrono::milliseconds patience) {
  ::setsid();
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::signal(signal, SIG_IGN);
  const int null = ::open("/dev/null", O_RDWR);
  for (const int fd : {0, 1, 2}) ::dup2(null, fd);
  ::dup2(pipe, 3);
  ::close_range(4, ~0U, 0);
  char byte = 0;
  ssize_t n = 0;
  while ((n = ::read(3, &byte, 1)) < 0 && errno == EINTR) {
  }
  if (n == 0) {
    std::set<pid_t> groups;
    for (const auto& group : noted) {
      if (const pid_t pid = group.load(); pid > 1) groups.insert(pid);
    }
    end_all(groups, mark, patience);
  }
  ::_exit(0);
}

}  // namespace

bool has_variable(pid_t pid, const std::string& variable) {
  const UniqueFd fd(::open(("/proc/" + std::to_string(pid) + "/environ").c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return false;
  std::string text(1, '\0');
  char part[16 << 10];
  for (ssize_t n; (n = ::read(fd.get(), part, sizeof part)) > 0;)
    text.append(part, static_cast<std::size_t>(n));
  text += '\0';
  return text.find('\0' + variable + '\0') != std::string::npos;
}

std::vector<pid_t> processes_with(const std::string& variable) {
  std::vector<pid_t> found;
  const std::unique_ptr<DIR, int (*)(DIR*)> processes(::opendir("/proc"), ::closedir);
  if (!processes) return found;
  while (const dirent* entry = ::readdir(processes.get())) {
    const char* name = entry->d_name;
    pid_t pid = -1;
    if (std::from_chars(name, name + std::strlen(name), pid).ec != std::errc() || pid == ::getpid()) continue;
    if (has_variable(pid, variable)) found.push_back(pid);
  }
  return found;
}

void end_processes_with(const std::string& variable, std::chrono::milliseconds patience) {
  end_all({}, variable, patience);
}

Guard::Guard(const std::string& mark, std::chrono::milliseconds patience) {
  void* shared = ::mmap(nullptr, sizeof(Groups), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) fail_errno("mmap");
  groups_ = new (shared) Groups{};
  auto [reader, writer] = make_pipe();
  pid_ = ::fork();
  if (pid_ < 0) fail_errno("fork");
  if (pid_ == 0) {
    writer.reset();
    guard(reader.get(), *groups_, mark, patience);
  }
  pipe_ = std::move(writer);
}

// A guard that was killed itself is no reason to end: SIGPIPE is ignored.
Guard::~Guard() {
  const char all_is_over = '.';
  [[maybe_unused]] const ssize_t n = ::write(pipe_.get(), &all_is_over, 1);
  pipe_.reset();
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  ::munmap(groups_, sizeof(Groups));
}

void Guard::replace(pid_t was, pid_t is) {
  for (auto& group : *groups_) {
    if (group.load() != was) continue;
    group.store(is);
    return;
  }
}

}  // namespace nn::sweep
