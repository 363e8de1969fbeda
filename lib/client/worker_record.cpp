#include "client/worker_record.hpp"

#include <algorithm>

namespace nn::client {

void WorkerRecord::answered(Clock::time_point now) {
  failures_ = 0;
  if (times_out_ > 0 && now - out_until_ > longest_time_out) times_out_ = 0;
}

void WorkerRecord::put_out(Clock::time_point now) {
  failures_ = 0;
  out_until_ = now + std::min<Clock::duration>(++times_out_ * time_out, longest_time_out);
  back_ = out_until_;
  const std::lock_guard lock(mutex_);
  ++figures_.ejections;
  shown_out_until_ = out_until_;
}

void WorkerRecord::connected(Clock::time_point now, bool slowly) {
  if (slowly) back_ = std::max(now, out_until_);
  const std::lock_guard lock(mutex_);
  figures_.up = true;
}

void WorkerRecord::lost() {
  const std::lock_guard lock(mutex_);
  figures_.up = false;
}

double WorkerRecord::weight(Clock::time_point now) const {
  if (!back_ || now - *back_ >= slow_start) return 1;
  constexpr double least = 0.1;
  return std::max(least, std::chrono::duration<double>(now - *back_) / slow_start);
}

void WorkerRecord::asked(std::int64_t rows, Why why) {
  const std::lock_guard lock(mutex_);
  ++figures_.requests;
  figures_.retries += why == Why::retry;
  ++figures_.requests_under_way;
  figures_.rows_under_way += rows;
}

void WorkerRecord::over(std::int64_t rows, std::optional<Clock::duration> time) {
  const std::lock_guard lock(mutex_);
  --figures_.requests_under_way;
  figures_.rows_under_way -= rows;
  if (time) {
    figures_.times.add(std::chrono::duration_cast<std::chrono::microseconds>(*time));
  } else {
    ++figures_.failures;
  }
}

void WorkerRecord::forgotten(std::int64_t requests, std::int64_t rows) {
  const std::lock_guard lock(mutex_);
  figures_.requests_under_way -= requests;
  figures_.rows_under_way -= rows;
}

void WorkerRecord::hedged(bool won) {
  const std::lock_guard lock(mutex_);
  ++(won ? figures_.hedges_won : figures_.hedges_lost);
}

WorkerFigures WorkerRecord::figures(Clock::time_point now) const {
  const std::lock_guard lock(mutex_);
  WorkerFigures out = figures_;
  out.out = now < shown_out_until_;
  return out;
}

}  // namespace nn::client
