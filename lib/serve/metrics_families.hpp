// The families of metrics, by what they are about. Internal to metrics.cpp and its parts.
#pragma once

#include <span>
#include <string>

#include "serve/metrics_text.hpp"
#include "serve/service.hpp"

namespace nn::serve {

// As a label has it.
std::string number_text(std::uint64_t value);

// Requests, by the version that they were for.
void add_requests(MetricsText& out, const Totals& totals);
// What is under way, and what was refused or dropped.
void add_load(MetricsText& out, const Totals& totals, const http::Server* server);
// Versions: their states, how they were loaded, what they take.
void add_versions(MetricsText& out, const serving::Catalog& catalog, const LoadRecords& loads);
// How versions are computed on devices.
void add_devices(MetricsText& out, const serving::Catalog& catalog, std::int64_t most_rows);
// Members of ensembles: who takes part, and who didn't.
void add_members(MetricsText& out, const serving::Catalog& catalog);
void add_traffic(MetricsText& out, const serving::Catalog& catalog, const Operations& operations);
// Requests by the names that Triton has, for dashboards and autoscalers that know those.
void add_triton(MetricsText& out, const Totals& totals);

}  // namespace nn::serve
