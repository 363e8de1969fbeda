#include "serve/metrics_families.hpp"

namespace nn::serve {

void add_triton(MetricsText& out, const Totals& totals) {
  using Type = MetricsText::Type;
  const auto add = [&](std::string_view name, Type type, std::string_view help, auto value) {
    out.family(name, type, help);
    for (const VersionTotals& version : totals.versions) {
      out.sample({{"model", version.model}, {"version", number_text(version.version)}},
                 std::uint64_t{value(version)});
    }
  };
  using V = const VersionTotals&;
  const auto counter = Type::counter;
  add("nv_inference_request_success", counter, "Number of successful inference requests",
      [](V v) { return v.total.count(); });
  add("nv_inference_request_failure", counter, "Number of failed inference requests",
      [](V v) { return v.failed; });
  add("nv_inference_count", counter, "Number of inferences performed", [](V v) { return v.rows; });
  add("nv_inference_exec_count", counter, "Number of model executions performed",
      [](V v) { return v.compute.count(); });
  add("nv_inference_request_duration_us", counter, "Cumulative inference request duration in microseconds",
      [](V v) { return v.total.sum_us(); });
  add("nv_inference_queue_duration_us", counter, "Cumulative inference queuing duration in microseconds",
      [](V v) { return v.queue.sum_us(); });
  add("nv_inference_compute_input_duration_us", counter, "Cumulative compute input duration in microseconds",
      [](V v) { return v.parse_us; });
  add("nv_inference_compute_infer_duration_us", counter,
      "Cumulative compute inference duration in microseconds", [](V v) { return v.compute.sum_us(); });
  add("nv_inference_compute_output_duration_us", counter,
      "Cumulative inference compute output duration in microseconds", [](V v) { return v.write_us; });
  add("nv_inference_pending_request_count", Type::gauge,
      "Instantaneous number of pending requests awaiting execution", [](V v) { return v.under_way(); });
}

}  // namespace nn::serve
