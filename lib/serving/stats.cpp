#include "serving/stats.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>

namespace nn::serving {

std::size_t LatencyHistogram::bucket_of(std::uint64_t us) {
  constexpr std::uint64_t sub = 1u << sub_bits;
  if (us < sub) return static_cast<std::size_t>(us);
  const int power = static_cast<int>(std::bit_width(us)) - 1 - sub_bits;  // of the width of the bucket
  const std::size_t bucket = (static_cast<std::size_t>(power + 1) << sub_bits) + ((us >> power) & (sub - 1));
  return std::min(bucket, (static_cast<std::size_t>(powers) << sub_bits) - 1);
}

// The largest time that falls into the bucket.
std::uint64_t LatencyHistogram::end_of(std::size_t bucket) {
  constexpr std::uint64_t sub = 1u << sub_bits;
  if (bucket < sub) return bucket;
  const int power = static_cast<int>(bucket >> sub_bits) - 1;
  return ((sub + (bucket & (sub - 1)) + 1) << power) - 1;
}

void LatencyHistogram::add(std::chrono::microseconds time) {
  const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 0));
  ++counts_[bucket_of(us)];
  ++count_;
  sum_us_ += us;
  max_us_ = std::max(max_us_, us);
}

std::uint64_t LatencyHistogram::quantile_us(double q) const {
  if (count_ == 0) return 0;
  const auto wanted =
      std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count_))));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
    seen += counts_[bucket];
    if (seen >= wanted) return std::min(end_of(bucket), max_us_);
  }
  return max_us_;
}

std::uint64_t LatencyHistogram::below_us(std::uint64_t us) const {
  std::uint64_t count = 0;
  for (std::size_t bucket = 0; bucket < bucket_of(us); ++bucket) count += counts_[bucket];
  return count;
}

namespace {

nlohmann::json to_json(const LatencyHistogram& histogram) {
  const double count = static_cast<double>(std::max<std::uint64_t>(histogram.count(), 1));
  return {{"count", histogram.count()},         {"mean", static_cast<double>(histogram.sum_us()) / count},
          {"p50", histogram.quantile_us(0.5)},  {"p90", histogram.quantile_us(0.9)},
          {"p99", histogram.quantile_us(0.99)}, {"p999", histogram.quantile_us(0.999)},
          {"max", histogram.max_us()}};
}

}  // namespace

nlohmann::json to_json(const WorkerStats& stats, Clock::time_point now) {
  const std::chrono::duration<double> up = now - stats.started;
  nlohmann::json out = {{"nn_worker_uptime_seconds", up.count()},
                        {"nn_worker_connections_total", stats.connections_total},
                        {"nn_worker_connections_refused_total", stats.connections_refused},
                        {"nn_worker_requests_total", stats.requests_total},
                        {"nn_worker_trainings_total", stats.trainings_total},
                        {"nn_worker_requests_busy_total", stats.busy},
                        {"nn_worker_requests_late_total", stats.late},
                        {"nn_worker_requests_cancelled_total", stats.cancelled},
                        {"nn_worker_requests_invalid_total", stats.invalid},
                        {"nn_worker_protocol_errors_total", stats.protocol_errors},
                        {"nn_worker_received_bytes_total", stats.received_bytes},
                        {"nn_worker_sent_bytes_total", stats.sent_bytes}};
  nlohmann::json models = nlohmann::json::object();
  for (const auto& [name, model] : stats.models) {
    models[name] = {{"requests_total", model.requests},     {"rows_total", model.rows},
                    {"failed_total", model.failed},         {"queue_us", to_json(model.queue)},
                    {"compute_us", to_json(model.compute)}, {"request_us", to_json(model.total)}};
  }
  out["models"] = std::move(models);
  return out;
}

}  // namespace nn::serving
