// What a server counts, as Prometheus reads it, and as the Open Inference Protocol tells statistics. For this
// module only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "inference/describe.hpp"
#include "serve/operations.hpp"
#include "serve/service.hpp"

namespace nn::serve {

// Does the field "accept" ask for OpenMetrics?
bool wants_open_metrics(std::string_view accept);
// All families, and the type of the text. Versions that haven't answered for 15 minutes and aren't served are
// forgotten.
struct MetricsPage {
  std::string text;
  std::string_view content_type;
};
MetricsPage metrics_page(const Service& service, bool open_metrics);

// Of versions that are served; an empty name is all models, version 0 all versions.
struct Statistics {
  std::shared_ptr<const serving::Catalog> catalog;  // whose names they are
  std::vector<inference::ModelStatistics> models;
};
Statistics statistics_of(const Totals& totals, std::shared_ptr<const serving::Catalog> catalog,
                         std::string_view model, std::uint64_t version);

// The process's own: CPU time, memory, descriptors.
struct ProcessFigures {
  double cpu_s = 0, start_s = 0;  // since 1970
  std::uint64_t resident_bytes = 0, virtual_bytes = 0, open_files = 0, max_files = 0, threads = 0;
};
ProcessFigures process_figures();

// "ok", "UNAVAILABLE": HTTP's status as a number, gRPC's as its name.
std::string code_text(const Outcome& outcome);
std::string_view name_of(Protocol protocol);

}  // namespace nn::serve
