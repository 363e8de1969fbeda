// What workers do, as Prometheus reads it.
#include "serve/metrics_families.hpp"

namespace nn::serve {
namespace {

using Type = MetricsText::Type;
using Report = client::RemoteCatalog::WorkerReport;

// From 64 us to 8.4 s.
void add_histogram(MetricsText& out, const Report& worker) {
  const MetricsText::Label label{"worker", worker.name};
  const serving::LatencyHistogram& times = worker.figures.times;
  add_times(out, {&label, 1}, 64, times, [&](std::uint64_t us) { return times.below_us(us); });
}

}  // namespace

void add_workers(MetricsText& out, const std::vector<Report>& workers) {
  const auto add = [&](std::string_view name, Type type, std::string_view help, auto value) {
    out.family(name, type, help);
    for (const Report& worker : workers) out.sample({{"worker", worker.name}}, value(worker.figures));
  };
  using F = const client::WorkerFigures&;
  const auto number = [](std::int64_t value) { return static_cast<double>(value); };
  add("nn_serve_worker_up", Type::gauge, "1 for a worker that can be reached.",
      [](F f) { return std::uint64_t{f.up}; });
  add("nn_serve_worker_ejected", Type::gauge,
      "1 for a worker that is left out, since it did worse than others.",
      [](F f) { return std::uint64_t{f.out}; });
  add("nn_serve_worker_ejections_total", Type::counter, "How often a worker was left out.",
      [](F f) { return f.ejections; });
  add("nn_serve_worker_outstanding_requests", Type::gauge, "Requests under way at a worker.",
      [&](F f) { return number(f.requests_under_way); });
  add("nn_serve_worker_outstanding_rows", Type::gauge, "Rows under way at a worker.",
      [&](F f) { return number(f.rows_under_way); });
  add("nn_serve_worker_requests_total", Type::counter, "Requests that were sent to a worker.",
      [](F f) { return f.requests; });
  add("nn_serve_worker_failures_total", Type::counter, "Of them those that it didn't answer.",
      [](F f) { return f.failures; });
  add("nn_serve_retries_total", Type::counter,
      "Requests that were sent to a worker after another had failed.", [](F f) { return f.retries; });
  out.family("nn_serve_hedges_total", Type::counter,
             "Requests that were sent to a worker since another was late, and which of them answered first.");
  for (const Report& worker : workers) {
    out.sample({{"worker", worker.name}, {"result", "won"}}, worker.figures.hedges_won);
    out.sample({{"worker", worker.name}, {"result", "lost"}}, worker.figures.hedges_lost);
  }
  out.family("nn_serve_worker_request_duration_seconds", Type::histogram,
             "From a request to a worker to its answer.");
  for (const Report& worker : workers) add_histogram(out, worker);
}

}  // namespace nn::serve
