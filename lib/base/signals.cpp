#include "base/signals.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>

namespace nn {
namespace {

using SteadyClock = std::chrono::steady_clock;

// A reader who is alive takes what fits in a pipe in this time; one who isn't holds nobody up.
constexpr std::chrono::milliseconds time_to_write_on{500};

std::atomic<int> stop_signal{0};
std::atomic<int> stop_event{-1};
std::atomic<SteadyClock::rep> stop_time{0};
std::atomic<bool> progress_wanted{false};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<SteadyClock::rep>::is_always_lock_free);

void on_stop(int signal) {
  const int error = errno;
  const auto now = SteadyClock::now().time_since_epoch().count();
  SteadyClock::rep never = 0;
  stop_time.compare_exchange_strong(never, now);
  if (stop_signal.exchange(signal) != 0) {
    ::signal(signal, SIG_DFL);
    ::raise(signal);
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(stop_event, &one, sizeof one);
  errno = error;
}

void on_progress(int) { progress_wanted = true; }

void install(int signal, void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(signal, &action, nullptr);
}

// A shell without job control starts background jobs with SIGINT ignored; keep that.
bool ignored(int signal) {
  struct sigaction action {};
  ::sigaction(signal, nullptr, &action);
  return action.sa_handler == SIG_IGN;
}

}  // namespace

void install_signal_handlers() {
  if (stop_event < 0) stop_event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  // No SA_RESTART for the stop signals: a blocked read must return to see the flag.
  if (!ignored(SIGINT)) install(SIGINT, on_stop, 0);
  if (!ignored(SIGTERM)) install(SIGTERM, on_stop, 0);
  install(SIGUSR1, on_progress, SA_RESTART);
  install(SIGPIPE, SIG_IGN, 0);
  // Where a parent has left it ignored, the kernel reaps our children itself, and nobody learns how they
  // ended.
  if (ignored(SIGCHLD)) install(SIGCHLD, SIG_DFL, 0);
}

void stop_on_hangup() {
  if (!ignored(SIGHUP)) install(SIGHUP, on_stop, 0);
}

int stop_requested() { return stop_signal.load(std::memory_order_relaxed); }

int stop_descriptor() { return stop_event.load(std::memory_order_relaxed); }

SteadyClock::time_point stop_deadline() {
  return SteadyClock::time_point(SteadyClock::duration(stop_time)) + time_to_write_on;
}

bool progress_requested() { return progress_wanted.exchange(false, std::memory_order_relaxed); }

void throw_if_stopped() {
  if (stop_requested() != 0) throw Interrupted{};
}

void die_by_signal(int signal) {
  install(signal, SIG_DFL, 0);
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, signal);
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
  ::raise(signal);
  std::_Exit(128 + signal);
}

}  // namespace nn
