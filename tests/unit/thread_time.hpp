// The processor's time of this thread, which other programs on the machine don't change much.
#pragma once

#include <ctime>

namespace nn::test {

inline double thread_seconds() {
  struct timespec now {};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace nn::test
