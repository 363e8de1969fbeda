#include "serving/local_servable.hpp"

#include <algorithm>
#include <bit>

#include "serving/batcher.hpp"

namespace nn::serving {
namespace {

constexpr double recent_steps = 64;  // of the mean

template <typename T>
void add_to(std::atomic<T>& sum, T more) {
  sum.store(sum.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
}

}  // namespace

bool LocalServable::try_now(Request& request) { return batcher_->try_now(*this, request); }

bool LocalServable::submit(std::shared_ptr<Request> request) {
  const std::shared_ptr<LocalServable> self(request->binding->servable, this);
  return batcher_->submit(self, std::move(request));
}

std::chrono::microseconds LocalServable::predicted_wait(std::int64_t rows, Priority priority) const {
  if (batcher_ == nullptr) return std::chrono::microseconds(0);
  const std::chrono::duration<double> own(rows > 0 ? curve_.line(rows) : 0);
  return std::chrono::duration_cast<std::chrono::microseconds>(batcher_->predicted_wait(priority) + own);
}

bool LocalServable::is_crowded() const { return batcher_ != nullptr && batcher_->is_crowded(); }

LoadReport LocalServable::report() const {
  LoadReport report;
  report.finite = finite_;
  DeviceLoad& load = report.devices.emplace_back();
  load.curve = curve_.points();
  load.base = curve_.base();
  load.slope = curve_.slope();
  load.mean_rows = mean_rows_.load(std::memory_order_relaxed);
  load.rows = rows_.load(std::memory_order_relaxed);
  for (const auto& steps : steps_) {
    load.steps_by_rows.push_back(steps.load(std::memory_order_relaxed));
    load.steps += load.steps_by_rows.back();
  }
  load.own_waiting_rows = waiting_rows_.load(std::memory_order_relaxed);
  report.weight_bytes = weight_bytes_;
  report.step_bytes = step_bytes_;
  if (batcher_ == nullptr) return report;
  batcher_->describe(load);
  const BatchLimits& limits = batcher_->limits();
  report.slo = limits.slo;
  load.best_rows = limits.step_rows;
  if (limits.slo.count() > 0) {
    load.best_rows =
        curve_.most_rows(std::chrono::duration<double>(limits.slo).count() / 2, limits.step_rows);
  }
  return report;
}

// Small steps cost more than their rows: the figure follows a cheaper step at once, and a dearer one slowly.
void LocalServable::note_cost(std::int64_t rows, Clock::duration time) {
  if (rows <= 0) return;
  const double cost = std::chrono::duration<double>(time).count() / static_cast<double>(rows);
  const double known = row_cost();
  row_cost_.store(known == 0 || cost < known ? cost : known + (cost - known) / 16, std::memory_order_relaxed);
}

void LocalServable::set_cost(std::int64_t rows, Clock::duration time) {
  note_cost(rows, time);
  curve_.set(rows, std::chrono::duration<double>(time).count());
}

void LocalServable::note_step(std::int64_t rows, Clock::duration time) {
  note_cost(rows, time);
  curve_.note(rows, std::chrono::duration<double>(time).count());
  const double mean = mean_rows_.load(std::memory_order_relaxed), now = static_cast<double>(rows);
  mean_rows_.store(mean == 0 ? now : mean + (now - mean) / recent_steps, std::memory_order_relaxed);
  const auto power = static_cast<std::size_t>(std::bit_width(static_cast<std::uint64_t>(rows - 1)));
  add_to<std::uint64_t>(steps_[std::min(power, powers - 1)], 1);
  add_to(rows_, static_cast<std::uint64_t>(rows));
}

void LocalServable::count_waiting(std::int64_t rows) { add_to(waiting_rows_, rows); }

double LocalServable::shared_row_cost(std::int64_t step_rows) const {
  if (!curve_.known()) return row_cost();
  return curve_.slope() + curve_.base() / static_cast<double>(step_rows);
}

std::int64_t LocalServable::best_rows(double seconds, std::int64_t limit) {
  const unsigned fits = curve_.fits();
  if (best_.fits != fits || best_.seconds != seconds || best_.limit != limit)
    best_ = {fits, seconds, limit, curve_.most_rows(seconds, limit)};
  return best_.rows;
}

}  // namespace nn::serving
