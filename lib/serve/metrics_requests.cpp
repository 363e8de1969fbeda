// What is told of requests: how they ended, how long they took, what was refused.
#include <fmt/format.h>

#include <array>

#include "http/server.hpp"
#include "serve/metrics.hpp"
#include "serve/metrics_families.hpp"

namespace nn::serve {
namespace {

using Type = MetricsText::Type;
using Label = MetricsText::Label;

// From 50 us to 6.6 s.
void add_histogram(MetricsText& out, MetricsText::Labels labels, const TimeCounts& times) {
  add_times(out, labels, 50, times, [&](std::uint64_t us) { return times.at_most_us(us); });
}

void add_version_histogram(MetricsText& out, const Totals& totals, std::string_view name,
                           std::string_view help, TimeCounts VersionTotals::*times) {
  out.family(name, Type::histogram, help);
  for (const VersionTotals& version : totals.versions) {
    const std::string text = number_text(version.version);
    const std::array<Label, 2> labels{{{"model", version.model}, {"version", text}}};
    add_histogram(out, labels, version.*times);
  }
}

void add_version_counter(MetricsText& out, const Totals& totals, std::string_view name, std::string_view help,
                         std::uint64_t VersionTotals::*value) {
  out.family(name, Type::counter, help);
  for (const VersionTotals& version : totals.versions) {
    out.sample({{"model", version.model}, {"version", number_text(version.version)}}, version.*value);
  }
}

// The same, and rows, by the device that computed them.
void add_computed(MetricsText& out, const Totals& totals) {
  using Device = VersionTotals::Device;
  const auto add = [&](std::string_view name, Type type, std::string_view help, const auto& tell) {
    out.family(name, type, help);
    for (const VersionTotals& version : totals.versions) {
      const std::string number = number_text(version.version);
      for (const Device& device : version.devices) {
        const std::array<Label, 3> labels{
            {{"model", version.model}, {"version", number}, {"device", device.device}}};
        tell(labels, device);
      }
    }
  };
  using Labels = MetricsText::Labels;
  add("nn_serve_compute_duration_seconds", Type::histogram, "What computing requests took.",
      [&](Labels labels, const Device& device) { add_histogram(out, labels, device.compute); });
  add("nn_serve_rows_total", Type::counter, "Rows that were answered.",
      [&](Labels labels, const Device& device) { out.sample(labels, device.rows); });
}

void add_outcomes(MetricsText& out, const Totals& totals) {
  const auto add = [&](const VersionTotals::Ended& ended, std::string_view model, std::string_view version) {
    const std::string code = code_text(ended.outcome);
    out.sample({{"model", model},
                {"version", version},
                {"route", ended.outcome.route},
                {"protocol", name_of(ended.outcome.protocol)},
                {"code", code}},
               ended.count);
  };
  out.family(
      "nn_serve_requests_total", Type::counter,
      "Requests that ended, by the version that they were for; without a model where they reached none.");
  for (const VersionTotals& version : totals.versions) {
    for (const auto& ended : version.outcomes) add(ended, version.model, number_text(version.version));
  }
  for (const auto& ended : totals.others) add(ended, "", "");
}

void add_shed(MetricsText& out, const Totals& totals, const http::Server* server) {
  out.family("nn_serve_shed_total", Type::counter,
             "Requests that were refused or dropped under load, and why.");
  auto models = totals.shed;
  if (server != nullptr) {
    models[{}][static_cast<std::size_t>(Shed::connections)] +=
        server->stats().connections_refused.load(std::memory_order_relaxed);
  }
  for (const auto& [model, sums] : models) {
    for (std::size_t i = 0; i < sums.size(); ++i)
      out.sample({{"model", model}, {"reason", shed_names[i]}}, sums[i]);
  }
}

}  // namespace

std::string number_text(std::uint64_t value) {
  const fmt::format_int text(value);
  return {text.data(), text.size()};
}

void add_requests(MetricsText& out, const Totals& totals) {
  add_outcomes(out, totals);
  add_version_histogram(out, totals, "nn_serve_request_duration_seconds",
                        "From the first byte of a request that was answered to the last of its answer.",
                        &VersionTotals::total);
  add_version_histogram(out, totals, "nn_serve_queue_duration_seconds",
                        "What requests waited to be computed.", &VersionTotals::queue);
  add_computed(out, totals);
  add_version_counter(out, totals, "nn_serve_cancelled_total", "Requests whose client went away.",
                      &VersionTotals::cancelled);
}

void add_load(MetricsText& out, const Totals& totals, const http::Server* server) {
  out.family("nn_serve_inflight_requests", Type::gauge, "Requests under way, by model and version.");
  for (const VersionTotals& version : totals.versions) {
    out.sample({{"model", version.model}, {"version", number_text(version.version)}}, version.under_way());
  }
  add_shed(out, totals, server);
}

std::string code_text(const Outcome& outcome) {
  const auto code = static_cast<std::size_t>(outcome.code);
  const bool has_name = outcome.grpc && code <= static_cast<std::size_t>(StatusCode::unauthenticated);
  return has_name ? std::string(nn::name_of(static_cast<StatusCode>(code))) : number_text(code);
}

std::string_view name_of(Protocol protocol) {
  switch (protocol) {
    case Protocol::plain: return "http";
    case Protocol::v1: return "v1";
    case Protocol::v2: return "v2";
    case Protocol::grpc_v2: return "grpc";
    case Protocol::grpc_tensorflow: return "grpc-tensorflow";
    case Protocol::grpc_health: return "grpc-health";
  }
  return "http";
}

}  // namespace nn::serve
