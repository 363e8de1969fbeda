// How long a step of so many rows takes: measured when a version is made ready, and followed from then on.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "serving/load_report.hpp"

namespace nn::serving {

// Figures at powers of two of rows; between them it is straight. One thread at a time notes; the rest is
// thread-safe, and takes no lock.
class CostCurve {
 public:
  // A measured step of `rows` > 0. The first of a power of two is taken as it is; later ones count little,
  // dear ones (the thread may have been interrupted) less than cheap ones.
  void note(std::int64_t rows, double seconds);
  // A figure of warm-up, which replaces what is known of that power of two of rows.
  void set(std::int64_t rows, double seconds);

  bool known() const { return known_.load(std::memory_order_relaxed); }
  // Seconds of a step of so many rows, from the measured figures; 0 while nothing is known.
  double cost(std::int64_t rows) const;
  // The same as about base() + slope() * rows, least squares of relative errors.
  double line(std::int64_t rows) const { return base() + slope() * static_cast<double>(rows); }
  double base() const { return base_.load(std::memory_order_relaxed); }
  double slope() const { return slope_.load(std::memory_order_relaxed); }
  // The most rows, up to `limit`, of a step that takes so many seconds at most; at least 1. `limit` while
  // nothing is known.
  std::int64_t most_rows(double seconds, std::int64_t limit) const;
  std::vector<CostPoint> points() const;
  // How often the figures have changed by much, or for a while.
  unsigned fits() const { return fits_.load(std::memory_order_relaxed); }

 private:
  static constexpr int powers = 32;
  double at(int power) const {
    return seconds_[static_cast<std::size_t>(power)].load(std::memory_order_relaxed);
  }
  void put(int power, double seconds) {
    seconds_[static_cast<std::size_t>(power)].store(seconds, std::memory_order_relaxed);
  }
  void fit();

  std::array<std::atomic<double>, powers> seconds_{};  // of 2^i rows; 0: not known
  std::atomic<double> base_{0}, slope_{0};
  std::atomic<bool> known_{false};
  std::atomic<unsigned> fits_{0};
  unsigned notes_ = 0;
};

}  // namespace nn::serving
