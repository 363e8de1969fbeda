#include "sweep/retries.hpp"

#include <algorithm>
#include <utility>

namespace nn::sweep {
namespace {

constexpr std::chrono::seconds first_pause{1}, longest_pause{60};
constexpr int most_doublings = 6;

}  // namespace

void Retries::add(study::Run run, std::string reason, Clock::time_point not_before) {
  const bool known =
      std::any_of(waiting_.begin(), waiting_.end(), [&](const Retry& r) { return r.run == run; });
  if (!known) waiting_.push_back({run, std::move(reason), not_before});
}

std::optional<std::chrono::seconds> Retries::add_later(study::Run run, std::string reason,
                                                       Clock::time_point now, int most) {
  int& times = counts_[run.number];
  if (times >= most) return std::nullopt;
  const auto pause = std::min(first_pause * (1 << std::min(times, most_doublings)), longest_pause);
  ++times;
  add(run, std::move(reason), now + pause);
  return pause;
}

void Retries::hasten(study::Run run) {
  for (Retry& retry : waiting_) {
    if (retry.run == run) retry.not_before = Clock::time_point::min();
  }
}

int Retries::count(std::uint32_t trial) const {
  const auto found = counts_.find(trial);
  return found == counts_.end() ? 0 : found->second;
}

std::optional<Retries::Retry> Retries::take(Clock::time_point now) {
  const auto due =
      std::find_if(waiting_.begin(), waiting_.end(), [&](const Retry& r) { return r.not_before <= now; });
  if (due == waiting_.end()) return std::nullopt;
  Retry taken = std::move(*due);
  waiting_.erase(due);
  return taken;
}

std::optional<Retries::Retry> Retries::take_trial(std::uint32_t number) {
  const auto found =
      std::find_if(waiting_.begin(), waiting_.end(), [&](const Retry& r) { return r.run.number == number; });
  if (found == waiting_.end()) return std::nullopt;
  Retry taken = std::move(*found);
  waiting_.erase(found);
  return taken;
}

Clock::time_point Retries::due() const {
  auto first = Clock::time_point::max();
  for (const Retry& retry : waiting_) first = std::min(first, retry.not_before);
  return first;
}

}  // namespace nn::sweep
