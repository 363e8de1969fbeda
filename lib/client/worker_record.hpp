// How a worker stands with its client, whichever of its models is asked for: whether it is left out, how long
// it has been back, and what was counted. It waits for nothing: the time is an argument.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "serving/stats.hpp"

namespace nn::client {

// What was counted of a worker, at one moment.
struct WorkerFigures {
  bool up = false;   // there is a connection over which it may be asked
  bool out = false;  // it is left out for a while, since it did worse than others
  std::int64_t requests_under_way = 0, rows_under_way = 0;
  std::uint64_t requests = 0, failures = 0;  // that were sent; of them those without an answer
  std::uint64_t retries = 0;                 // sent here after another worker had failed
  std::uint64_t hedges_won = 0,
                hedges_lost = 0;    // sent here since another was late, and which answered first
  std::uint64_t ejections = 0;      // how often it was left out
  serving::LatencyHistogram times;  // from a request to its answer
};

// Stays the same while connections and models come and go. All calls in one thread, but for figures().
class WorkerRecord {
 public:
  // ---- whether it is asked

  // A request has been answered; or it wasn't, or too late, which may be the worker's fault.
  void answered(Clock::time_point now);
  void failed() { ++failures_; }
  // So many requests in a row have failed that it should be left out.
  bool fails_on() const { return failures_ >= most_failures; }
  // It is left out from now on, longer each time.
  void put_out(Clock::time_point now);
  bool is_out(Clock::time_point now) const { return now < out_until_; }
  Clock::time_point out_until() const { return out_until_; }
  // There is a connection, which is new; or none.
  void connected(Clock::time_point now, bool slowly);
  void lost();
  // The part of its share that it gets, 0.1 to 1: less in the time after it came back.
  double weight(Clock::time_point now) const;

  static constexpr int most_failures = 5;  // in a row
  static constexpr std::chrono::seconds time_out{30}, longest_time_out{300}, slow_start{30};

  // ---- counters

  enum class Why : std::uint8_t { first, retry };  // another worker had failed before
  void asked(std::int64_t rows, Why why);
  // Requests aren't under way any more; with the time that one took, where it was answered.
  void over(std::int64_t rows, std::optional<Clock::duration> time);
  // Nobody knows any more what becomes of them.
  void forgotten(std::int64_t requests, std::int64_t rows);
  void hedged(bool won);
  // Any thread's.
  WorkerFigures figures(Clock::time_point now) const;

 private:
  int failures_ = 0;  // in a row
  int times_out_ = 0;
  Clock::time_point out_until_{};
  std::optional<Clock::time_point> back_;  // since when it gets more and more

  mutable std::mutex mutex_;
  WorkerFigures figures_;
  Clock::time_point shown_out_until_{};  // for figures()
};

}  // namespace nn::client
