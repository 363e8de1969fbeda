// Counters and latencies of a worker. One thread.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/clock.hpp"

namespace nn::serving {

// Counts of times with a relative error of at most 1/32: 16 equal buckets for each power of two
// of microseconds, as HdrHistogram has them.
class LatencyHistogram {
 public:
  void add(std::chrono::microseconds time);
  std::uint64_t count() const { return count_; }
  std::uint64_t sum_us() const { return sum_us_; }
  // Upper end of the bucket with the q-th part of all times below it; 0 without any.
  std::uint64_t quantile_us(double q) const;
  std::uint64_t max_us() const { return max_us_; }
  // How many were below so many microseconds, which are a power of two.
  std::uint64_t below_us(std::uint64_t us) const;

 private:
  static constexpr int sub_bits = 4, powers = 40;
  static std::size_t bucket_of(std::uint64_t us);
  static std::uint64_t end_of(std::size_t bucket);
  std::array<std::uint32_t, (powers << sub_bits)> counts_{};
  std::uint64_t count_ = 0, sum_us_ = 0, max_us_ = 0;
};

struct ModelStats {
  std::uint64_t requests = 0, rows = 0, failed = 0;
  LatencyHistogram queue, compute, total;
};

struct WorkerStats {
  Clock::time_point started{};
  std::uint64_t connections_total = 0, connections_refused = 0;
  std::uint64_t requests_total = 0, trainings_total = 0;
  std::uint64_t busy = 0, late = 0, cancelled = 0, invalid = 0, protocol_errors = 0;
  std::uint64_t received_bytes = 0, sent_bytes = 0;  // of connections that ended
  std::map<std::string, ModelStats, std::less<>> models;
};

// Names as Prometheus has them: nn_worker_requests_total …
nlohmann::json to_json(const WorkerStats& stats, Clock::time_point now);

}  // namespace nn::serving
