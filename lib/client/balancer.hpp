// Which of several workers gets the next rows, by how fast and how reliable they were. It decides, and
// neither waits nor sends: the time is an argument. For this module only.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.hpp"

namespace nn::client {

// Rows go where they are expected to be answered first. A worker that fails several times in a row is left
// out for a while, as by Envoy's outlier detection, and comes back slowly.
class Balancer {
 public:
  explicit Balancer(std::size_t workers) : workers_(workers) {}

  // It answered, `time` after it was asked. `ahead` are the rows that were under way there then, those of the
  // answer included.
  void answered(std::size_t worker, std::int64_t ahead, Clock::duration time, Clock::time_point now);
  // It didn't, or too late. True when the worker is left out from now on.
  bool failed(std::size_t worker, Clock::time_point now);
  bool is_out(std::size_t worker, Clock::time_point now) const { return now < workers_[worker].out_until; }

  struct Candidate {
    std::size_t worker;
    std::int64_t under_way;  // rows
  };
  // The one that is expected to answer so many rows first; of equal ones, the next in turn. One that is left
  // out only where there is no other. Nothing where there is none.
  std::optional<std::size_t> choose(const std::vector<Candidate>& candidates, std::int64_t rows,
                                    Clock::time_point now);

  static constexpr int most_failures = 5;  // in a row
  static constexpr std::chrono::seconds time_out{30}, longest_time_out{300}, slow_start{30};

 private:
  struct Worker {
    double cost = 0;  // seconds a row, of those under way; 0: not known
    Clock::time_point measured{};
    int failures = 0;  // in a row
    int times_out = 0;
    Clock::time_point out_until{};
  };
  double cost_now(const Worker& worker, double least, Clock::time_point now) const;

  std::vector<Worker> workers_;
  std::size_t turn_ = 0;
};

// So many of something, in proportion to something else: what goes wrong everywhere must not double the work.
class Budget {
 public:
  // `share` is earned by each occasion, and at most `most` are kept; that many are there in the beginning.
  Budget(double share, double most) : share_(share), most_(most), left_(most) {}
  void earn() { left_ = left_ + share_ < most_ ? left_ + share_ : most_; }
  bool spend() {
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
  }

 private:
  double share_, most_, left_;
};

}  // namespace nn::client
