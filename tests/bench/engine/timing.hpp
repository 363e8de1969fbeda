// Times of one call, in samples that can alternate with those of others.
#pragma once

#include <time.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace bench {

inline double seconds_of(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// `clock`: CLOCK_THREAD_CPUTIME_ID leaves out what other processes take away, CLOCK_MONOTONIC
// is for work of several threads.
template <typename F>
class Timer {
 public:
  explicit Timer(F f, clockid_t clock = CLOCK_THREAD_CPUTIME_ID) : f_(std::move(f)), clock_(clock) {}

  // Seconds of a call, by as many calls as take about `duration_s`, behind one that isn't counted.
  double sample(double duration_s) {
    f_();
    if (call_s_ == 0) call_s_ = time(1);
    const double calls = std::clamp(duration_s / call_s_, 1.0, 1e9);
    return call_s_ = time(static_cast<std::int64_t>(calls));
  }

 private:
  double time(std::int64_t calls) {
    const double start = seconds_of(clock_);
    for (std::int64_t i = 0; i < calls; ++i) f_();
    return (seconds_of(clock_) - start) / static_cast<double>(calls);
  }
  F f_;
  clockid_t clock_;
  double call_s_ = 0;
};

inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

}  // namespace bench
