// The families of metrics, by what they are about. Internal to metrics.cpp and its parts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "serve/metrics_text.hpp"
#include "serve/service.hpp"

namespace nn::serve {

// As a label has it.
std::string number_text(std::uint64_t value);

// A histogram of 18 bounds, each twice as long as the one before; `up_to` says how many took no longer.
template <typename Times, typename UpTo>
void add_times(MetricsText& out, MetricsText::Labels labels, std::uint64_t first_bound_us, const Times& times,
               const UpTo& up_to) {
  constexpr std::size_t bounds = 18;
  const auto seconds = [](std::uint64_t us) { return static_cast<double>(us) / 1e6; };
  std::uint64_t bound = first_bound_us;
  for (std::size_t i = 0; i < bounds; ++i, bound *= 2) out.bucket(labels, seconds(bound), up_to(bound));
  out.bucket(labels, std::numeric_limits<double>::infinity(), times.count());
  out.sum_and_count(labels, seconds(times.sum_us()), times.count());
}

// Requests, by the version that they were for.
void add_requests(MetricsText& out, const Totals& totals);
// What is under way, and what was refused or dropped.
void add_load(MetricsText& out, const Totals& totals, const http::Server* server);
// Versions: their states, how they were loaded, what they take.
// `memory_limit` is for models that are loaded; 0: there is none.
void add_versions(MetricsText& out, const serving::Catalog& catalog, const LoadRecords& records,
                  std::uint64_t memory_limit);
// How versions are computed on devices.
void add_devices(MetricsText& out, const serving::Catalog& catalog, std::int64_t most_rows);
// Members of ensembles: who takes part, and who didn't.
void add_members(MetricsText& out, const serving::Catalog& catalog);
// Workers that the server is in front of.
void add_workers(MetricsText& out, const std::vector<client::RemoteCatalog::WorkerReport>& workers);
void add_traffic(MetricsText& out, const serving::Catalog& catalog, const Operations& operations);
// Requests by the names that Triton has, for dashboards and autoscalers that know those.
void add_triton(MetricsText& out, const Totals& totals);

}  // namespace nn::serve
