#include "traffic/recorder.hpp"

#include <algorithm>
#include <utility>

namespace nn::traffic {

void ArmCounts::add(bool error, bool has_nonfinite, double service_us) noexcept {
  ++requests;
  if (error) {
    ++errors;
    ++error_run;
    return;
  }
  error_run = 0;
  if (has_nonfinite) ++nonfinite;
  us.add(service_us);
}

void ArmCounts::merge(const ArmCounts& later) {
  error_run = later.errors == later.requests ? error_run + later.error_run : later.error_run;
  requests += later.requests;
  errors += later.errors;
  nonfinite += later.nonfinite;
  us.merge(later.us);
}

void Recorder::canary(std::uint64_t epoch, bool error, bool nonfinite, double service_us) noexcept {
  const std::lock_guard lock(mutex_);
  if (epoch == epoch_) noted_.canary.add(error, nonfinite, service_us);
}

void Recorder::control(std::uint64_t epoch, bool error, bool nonfinite, double service_us) noexcept {
  const std::lock_guard lock(mutex_);
  if (epoch == epoch_) noted_.control.add(error, nonfinite, service_us);
}

void Recorder::shadow(std::uint64_t epoch, const Comparison& pair) {
  const std::lock_guard lock(mutex_);
  if (epoch == epoch_) noted_.shadow.merge(pair);
}

std::shared_ptr<Recorder> Recorders::make() {
  auto recorder = std::make_shared<Recorder>();
  const std::lock_guard lock(mutex_);
  recorder->epoch_ = epoch();
  recorders_.push_back(recorder);
  return recorder;
}

namespace {

// Threads answer at the same time: only what failed everywhere failed in a row.
std::uint64_t common_run(const std::vector<std::pair<std::uint64_t, bool>>& runs) {
  std::uint64_t sum = 0, least = UINT64_MAX;
  bool all_failed = true;
  for (const auto& [run, only_errors] : runs) {
    sum += run;
    least = std::min(least, run);
    all_failed = all_failed && only_errors;
  }
  return all_failed ? sum : least;
}

}  // namespace

Observations Recorders::take() {
  Observations all;
  std::vector<std::pair<std::uint64_t, bool>> runs;
  const std::lock_guard lock(mutex_);
  for (const auto& recorder : recorders_) {
    const std::lock_guard each(recorder->mutex_);
    const ArmCounts& canary = recorder->noted_.canary;
    if (canary.requests > 0) runs.emplace_back(canary.error_run, canary.errors == canary.requests);
    all.canary.merge(canary);
    all.control.merge(recorder->noted_.control);
    all.shadow.merge(recorder->noted_.shadow);
    recorder->noted_ = {};
  }
  all.canary.error_run = common_run(runs);
  std::erase_if(recorders_, [](const auto& recorder) { return recorder.use_count() == 1; });
  return all;
}

void Recorders::begin(std::uint64_t epoch) {
  const std::lock_guard lock(mutex_);
  epoch_.store(epoch, std::memory_order_release);
  for (const auto& recorder : recorders_) {
    const std::lock_guard each(recorder->mutex_);
    recorder->epoch_ = epoch;
    recorder->noted_ = {};
  }
}

}  // namespace nn::traffic
