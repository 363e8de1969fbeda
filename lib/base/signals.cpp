#include "base/signals.hpp"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>

namespace nn {
namespace {

std::atomic<int> stop_signal{0};
std::atomic<bool> progress_wanted{false};
static_assert(std::atomic<int>::is_always_lock_free);

void on_stop(int signal) {
  if (stop_signal.exchange(signal) != 0) {
    ::signal(signal, SIG_DFL);
    ::raise(signal);
  }
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
  // No SA_RESTART for the stop signals: a blocked read must return to see the flag.
  if (!ignored(SIGINT)) install(SIGINT, on_stop, 0);
  if (!ignored(SIGTERM)) install(SIGTERM, on_stop, 0);
  install(SIGUSR1, on_progress, SA_RESTART);
  install(SIGPIPE, SIG_IGN, 0);
}

void stop_on_hangup() {
  if (!ignored(SIGHUP)) install(SIGHUP, on_stop, 0);
}

int stop_requested() { return stop_signal.load(std::memory_order_relaxed); }

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
