// Which of several workers gets the next rows, by how fast and how reliable they were. It decides, and
// neither waits nor sends: the time is an argument. For this module only.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "client/worker_record.hpp"

namespace nn::client {

struct BalancerOptions {
  // The better one of two that chance names, rather than the best of all: where several clients know the
  // same, they don't all run to the same worker.
  bool of_two = false;
  std::uint32_t seed = 1;
  // A worker is left out from now on, for this reason.
  std::function<void(std::size_t worker, const std::string& why)> left_out = {};
};

// Rows go where they are expected to be answered first. A worker that fails several times in a row, fails
// more often than the others, or takes much longer, is left out for a while, as by Envoy's outlier detection,
// and comes back slowly. At most half of the workers are.
class Balancer {
 public:
  // The workers' standings, which others may share.
  explicit Balancer(std::vector<std::shared_ptr<WorkerRecord>> workers, BalancerOptions options = {});

  // It answered, `time` after it was asked. `ahead` are the rows that were under way there then, those of the
  // answer included.
  void answered(std::size_t worker, std::int64_t ahead, Clock::duration time, Clock::time_point now);
  // It didn't, or too late: it has taken `time` so far.
  void failed(std::size_t worker, Clock::time_point now, Clock::duration time = {});
  bool is_out(std::size_t worker, Clock::time_point now) const { return records_[worker]->is_out(now); }
  // Within which 95 of 100 answers came in the last interval that had enough of them; 0: there was none.
  std::chrono::microseconds usual_time() const { return usual_time_; }

  struct Candidate {
    std::size_t worker;
    std::int64_t under_way;  // rows
    bool has_room = true;    // else it isn't chosen, but is there
  };
  // The one that is expected to answer so many rows first; of equal ones, the next in turn. One that is left
  // out only where more than half of the candidates are. Nothing where nobody else has room.
  std::optional<std::size_t> choose(const std::vector<Candidate>& candidates, std::int64_t rows,
                                    Clock::time_point now);

  // Workers are compared over a time, where there are so many answers of each: by the time within which 95 of
  // 100 came, and, where so many are compared, by the share of requests that failed.
  static constexpr std::chrono::seconds interval{10};
  static constexpr std::uint64_t least_answers = 20, least_requests = 100;
  static constexpr std::size_t least_compared = 5;
  static constexpr double most_times_slower = 3;
  static constexpr std::chrono::milliseconds worth_noting{5};  // what nobody is left out for

 private:
  struct Worker {
    double cost = 0;  // seconds a row, of those under way; 0: not known
    Clock::time_point measured{};
    serving::LatencyHistogram times;  // of the interval
    std::uint64_t answers = 0, failures = 0;
  };
  double cost_now(std::size_t worker, double least, Clock::time_point now) const;
  double least_cost() const;
  bool may_leave_out(Clock::time_point now) const;
  void leave_out(std::size_t worker, const std::string& why, Clock::time_point now);
  void compare(Clock::time_point now);
  void compare_times(Clock::time_point now);
  void compare_failures(Clock::time_point now);

  std::vector<std::shared_ptr<WorkerRecord>> records_;
  std::vector<Worker> workers_;
  serving::LatencyHistogram times_;  // of the interval, all workers'
  std::chrono::microseconds usual_time_{0};
  BalancerOptions options_;
  std::minstd_rand chance_;
  std::optional<Clock::time_point> began_;  // the interval
  std::size_t turn_ = 0;
  std::vector<std::size_t> fit_;  // of choose()
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
