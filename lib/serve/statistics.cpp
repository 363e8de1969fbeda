// What a server counts, as the Open Inference Protocol tells it.
#include "serve/metrics.hpp"

namespace nn::serve {
namespace {

inference::ModelStatistics statistics_of(const VersionTotals& v) {
  const auto duration = [](std::uint64_t count, std::uint64_t us) {
    return inference::Duration{count, us * 1000};
  };
  inference::ModelStatistics one;
  one.last_inference_ms = v.last_ms;
  one.inference_count = v.rows;
  one.execution_count = v.compute.count();
  const std::uint64_t count = v.total.count();
  one.success = duration(count, v.total.sum_us());
  one.fail = duration(v.failed, v.failed_us);
  one.queue = duration(count, v.queue.sum_us());
  one.compute_input = duration(count, v.parse_us);
  one.compute_infer = duration(count, v.compute.sum_us());
  one.compute_output = duration(count, v.write_us);
  return one;
}

}  // namespace

Statistics statistics_of(const Totals& totals, std::shared_ptr<const serving::Catalog> catalog,
                         std::string_view model, std::uint64_t version) {
  Statistics out;
  for (const auto& entry : catalog->models) {
    if (!model.empty() && entry.name != model) continue;
    for (const auto& [number, state] : entry.value.versions) {
      if (!state.servable || (version != 0 && number != version)) continue;
      inference::ModelStatistics one;
      for (const VersionTotals& counts : totals.versions) {
        if (counts.version == number && counts.model == entry.name) one = statistics_of(counts);
      }
      std::uint64_t steps = 0;
      for (const serving::DeviceLoad& device : state.servable->report().devices) steps += device.steps;
      if (steps > 0) one.execution_count = steps;
      one.name = entry.name;
      one.version = number;
      out.models.push_back(one);
    }
  }
  out.catalog = std::move(catalog);
  return out;
}

}  // namespace nn::serve
