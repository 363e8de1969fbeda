#include "base/scheduling.hpp"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace nn {
namespace {

// struct sched_attr of sched_setattr(2), as far as its first version goes; the C library has none.
struct Attributes {
  std::uint32_t size = sizeof(Attributes);
  std::uint32_t policy = 0;  // SCHED_OTHER
  std::uint64_t flags = 1;   // SCHED_FLAG_RESET_ON_FORK
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0, deadline = 0, period = 0;  // nanoseconds
};

}  // namespace

// The length of a turn is what the scheduler chooses by who is next, among those with an equal part (EEVDF;
// Stoica, Abdel-Wahab 1995). 0.1 ms is the shortest that Linux takes.
void take_short_turns() noexcept {
  Attributes wanted;
  wanted.nice = ::getpriority(PRIO_PROCESS, 0);
  wanted.runtime = 100'000;
  ::syscall(SYS_sched_setattr, 0, &wanted, 0);
}

void come_after_others(int by) noexcept {
  // Of Linux's threads each has its own nice value.
  ::setpriority(PRIO_PROCESS, 0, ::getpriority(PRIO_PROCESS, 0) + by);
}

}  // namespace nn
