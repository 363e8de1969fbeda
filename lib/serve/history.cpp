#include "serve/history.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace nn::serve {

bool is_fault(const Outcome& outcome) {
  if (!outcome.grpc) return outcome.code >= 500;
  switch (static_cast<StatusCode>(outcome.code)) {
    case StatusCode::unknown:
    case StatusCode::deadline_exceeded:
    case StatusCode::resource_exhausted:
    case StatusCode::internal:
    case StatusCode::unavailable:
    case StatusCode::data_loss: return true;
    default: return false;
  }
}

void History::sample(const Totals& totals, Clock::time_point now) {
  std::uint64_t faulty = 0;
  TimeCounts times;
  const auto count = [&](const VersionTotals::Ended& ended) {
    if (is_fault(ended.outcome)) faulty += ended.count;
  };
  for (const VersionTotals& version : totals.versions) {
    times.add(version.total);
    std::for_each(version.outcomes.begin(), version.outcomes.end(), count);
  }
  std::for_each(totals.others.begin(), totals.others.end(), count);
  const std::lock_guard lock(mutex_);
  if (last_ != Clock::time_point{} && now > last_) {
    const double time = std::chrono::duration<double>(now - last_).count();
    // Counts of versions that are forgotten are missing from one call to the next.
    const auto rate = [&](std::uint64_t is, std::uint64_t was) {
      return is > was ? static_cast<double>(is - was) / time : 0.0;
    };
    const TimeCounts recent = times.since(times_);
    samples_.push_back({now, rate(totals.requests, requests_), rate(faulty, faulty_), recent.quantile_us(0.5),
                        recent.quantile_us(0.99)});
    if (samples_.size() > most) samples_.pop_front();
  }
  last_ = now;
  requests_ = totals.requests;
  faulty_ = faulty;
  times_ = times;
}

std::vector<History::Sample> History::samples() const {
  const std::lock_guard lock(mutex_);
  return {samples_.begin(), samples_.end()};
}

void History::note_fault(std::string_view path, int status, std::string_view error) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) return;
  constexpr std::size_t longest = 200;
  faults_.push_front(
      {std::chrono::system_clock::now(), printable(path, longest), printable(error, longest), status});
  if (faults_.size() > most_faults) faults_.pop_back();
}

std::vector<History::Fault> History::faults() const {
  const std::lock_guard lock(mutex_);
  return {faults_.begin(), faults_.end()};
}

}  // namespace nn::serve
