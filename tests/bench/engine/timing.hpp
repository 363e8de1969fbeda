// Times of one call, in samples that can alternate with those of others.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

namespace bench {

using Clock = std::chrono::steady_clock;

template <typename F>
class Timer {
 public:
  explicit Timer(F f) : f_(std::move(f)) {}

  // Seconds of a call, by as many calls as take about `duration_s`, behind one that isn't counted.
  double sample(double duration_s) {
    f_();
    if (call_s_ == 0) call_s_ = time(1);
    const double calls = std::clamp(duration_s / call_s_, 1.0, 1e9);
    return call_s_ = time(static_cast<std::int64_t>(calls));
  }

 private:
  double time(std::int64_t calls) {
    const auto start = Clock::now();
    for (std::int64_t i = 0; i < calls; ++i) f_();
    return std::chrono::duration<double>(Clock::now() - start).count() / static_cast<double>(calls);
  }
  F f_;
  double call_s_ = 0;
};

inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

}  // namespace bench
