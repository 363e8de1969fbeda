// The last quarter of an hour of a server, for its status page. For this module only.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "serve/counters.hpp"

namespace nn::serve {

// Does the outcome say that the server, not its client, is to blame?
bool is_fault(const Outcome& outcome);
std::uint64_t faults_of(const VersionTotals& totals);

// Thread-safe.
class History {
 public:
  static constexpr std::chrono::seconds step{5};
  static constexpr std::size_t most = 180;  // steps

  struct Sample {
    Clock::time_point when;
    double rate = 0, faults = 0;           // requests a second
    std::uint64_t p50_us = 0, p99_us = 0;  // of those that were answered; 0 without any
  };
  // What has come since the last call, of all that ever came (Counters::overall()).
  void sample(const VersionTotals& overall, Clock::time_point now);
  std::vector<Sample> samples() const;
  // The same of each model, by its name: requests a second, of the last step only.
  void sample_models(const std::vector<VersionTotals>& versions, Clock::time_point now);
  std::map<std::string, double, std::less<>> rates() const;

  struct Fault {
    std::chrono::system_clock::time_point when;
    std::string path, error;
    int status = 0;
  };
  // Never waits: one that comes while somebody reads is left out.
  void note_fault(std::string_view path, int status, std::string_view error);
  std::vector<Fault> faults() const;  // the newest first

 private:
  static constexpr std::size_t most_faults = 16;
  mutable std::mutex mutex_;
  std::deque<Sample> samples_;
  std::deque<Fault> faults_;
  Clock::time_point last_{};
  std::uint64_t requests_ = 0, faulty_ = 0;
  TimeCounts times_;
  struct ModelRate {
    std::uint64_t requests = 0;
    double rate = 0;
  };
  std::map<std::string, ModelRate, std::less<>> models_;
  Clock::time_point models_last_{};
};

}  // namespace nn::serve
