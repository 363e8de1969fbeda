#include "serve/history.hpp"

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

std::uint64_t faults_of(const VersionTotals& totals) {
  std::uint64_t sum = 0;
  for (const VersionTotals::Ended& ended : totals.outcomes) sum += is_fault(ended.outcome) ? ended.count : 0;
  return sum;
}

void History::sample(const VersionTotals& overall, Clock::time_point now) {
  const std::uint64_t faulty = faults_of(overall);
  const std::lock_guard lock(mutex_);
  if (last_ != Clock::time_point{} && now > last_) {
    const double time = std::chrono::duration<double>(now - last_).count();
    const TimeCounts recent = overall.total.since(times_);
    samples_.push_back({now, static_cast<double>(overall.ended - requests_) / time,
                        static_cast<double>(faulty - faulty_) / time, recent.quantile_us(0.5),
                        recent.quantile_us(0.99)});
    if (samples_.size() > most) samples_.pop_front();
  }
  last_ = now;
  requests_ = overall.ended;
  faulty_ = faulty;
  times_ = overall.total;
}

std::vector<History::Sample> History::samples() const {
  const std::lock_guard lock(mutex_);
  return {samples_.begin(), samples_.end()};
}

void History::sample_models(const std::vector<VersionTotals>& versions, Clock::time_point now) {
  std::map<std::string, ModelRate, std::less<>> models;
  for (const VersionTotals& version : versions) models[version.model].requests += version.ended;
  const std::lock_guard lock(mutex_);
  const double time = std::chrono::duration<double>(now - models_last_).count();
  for (auto& [name, model] : models) {
    const auto before = models_.find(name);
    const std::uint64_t known = before == models_.end() ? 0 : before->second.requests;
    // Versions that are gone take their requests along.
    if (models_last_ != Clock::time_point{} && now > models_last_ && model.requests > known)
      model.rate = static_cast<double>(model.requests - known) / time;
  }
  models_ = std::move(models);
  models_last_ = now;
}

std::map<std::string, double, std::less<>> History::rates() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, double, std::less<>> out;
  for (const auto& [name, model] : models_) out.emplace(name, model.rate);
  return out;
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
