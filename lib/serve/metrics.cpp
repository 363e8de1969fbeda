#include "serve/metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/version.hpp"
#include "http/server.hpp"
#include "serve/metrics_text.hpp"

namespace nn::serve {
namespace {

using Type = MetricsText::Type;
using Label = MetricsText::Label;

constexpr std::chrono::minutes remembered{15};
constexpr std::size_t bounds = 18;
constexpr std::uint64_t first_bound_us = 50;

constexpr std::string_view grpc_names[] = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

std::string number(std::uint64_t value) {
  const fmt::format_int text(value);
  return {text.data(), text.size()};
}

double seconds(std::uint64_t us) { return static_cast<double>(us) / 1e6; }

void add_histogram(MetricsText& out, MetricsText::Labels labels, const TimeCounts& times) {
  std::uint64_t bound = first_bound_us;
  for (std::size_t i = 0; i < bounds; ++i, bound *= 2)
    out.bucket(labels, seconds(bound), times.at_most_us(bound));
  out.bucket(labels, std::numeric_limits<double>::infinity(), times.count());
  out.sum_and_count(labels, seconds(times.sum_us()), times.count());
}

void add_requests(MetricsText& out, const Totals& totals) {
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
    for (const auto& ended : version.outcomes) add(ended, version.model, number(version.version));
  }
  for (const auto& ended : totals.others) add(ended, "", "");
}

void add_version_histogram(MetricsText& out, const Totals& totals, std::string_view name,
                           std::string_view help, TimeCounts VersionTotals::*times) {
  out.family(name, Type::histogram, help);
  for (const VersionTotals& version : totals.versions) {
    const std::string text = number(version.version);
    const std::array<Label, 2> labels{{{"model", version.model}, {"version", text}}};
    add_histogram(out, labels, version.*times);
  }
}

void add_version_counter(MetricsText& out, const Totals& totals, std::string_view name, std::string_view help,
                         std::uint64_t VersionTotals::*value) {
  out.family(name, Type::counter, help);
  for (const VersionTotals& version : totals.versions) {
    out.sample({{"model", version.model}, {"version", number(version.version)}}, version.*value);
  }
}

void add_load(MetricsText& out, const Totals& totals, const http::Server* server) {
  out.family("nn_serve_inflight_requests", Type::gauge, "Requests under way, by model and version.");
  for (const VersionTotals& version : totals.versions) {
    out.sample({{"model", version.model}, {"version", number(version.version)}}, version.under_way());
  }
  out.family("nn_serve_shed_total", Type::counter,
             "Requests that were refused or dropped under load, and why.");
  for (const VersionTotals& version : totals.versions) {
    for (std::size_t i = 0; i < shed_names.size(); ++i) {
      if (version.shed[i] > 0)
        out.sample({{"model", version.model}, {"reason", shed_names[i]}}, version.shed[i]);
    }
  }
  for (std::size_t i = 0; i < shed_names.size(); ++i) {
    std::uint64_t count = totals.shed[i];
    if (static_cast<Shed>(i) == Shed::connections && server != nullptr) {
      count += server->stats().connections_refused.load(std::memory_order_relaxed);
    }
    out.sample({{"model", ""}, {"reason", shed_names[i]}}, count);
  }
}

void add_states(MetricsText& out, const serving::Catalog& catalog) {
  using enum serving::VersionState;
  constexpr std::array states{start, loading, available, unloading, end};
  out.family("nn_serve_model_state", Type::gauge, "1 for the state that a version is in.");
  for (const auto& model : catalog.models) {
    for (const auto& [version, entry] : model.value.versions) {
      for (const auto state : states) {
        out.sample({{"model", model.name}, {"version", number(version)}, {"state", serving::name_of(state)}},
                   std::uint64_t{entry.state == state});
      }
    }
  }
  out.family("nn_serve_version_info", Type::gauge, "Versions that answer, and labels that point to them.");
  for (const auto& model : catalog.models) {
    for (const auto& [version, entry] : model.value.versions) {
      if (!entry.servable) continue;
      std::string labels;
      for (const auto& [label, target] : model.value.labels) {
        if (target == version) labels += (labels.empty() ? "" : ",") + label;
      }
      out.sample({{"model", model.name},
                  {"version", number(version)},
                  {"digest", entry.servable->digest()},
                  {"label", labels}},
                 std::uint64_t{1});
    }
  }
}

void add_loads(MetricsText& out, const std::map<std::string, LoadRecords::Model>& loads) {
  out.family("nn_serve_model_loads_total", Type::counter, "Versions that were loaded, or couldn't be.");
  for (const auto& [name, model] : loads) {
    out.sample({{"model", name}, {"result", "success"}}, model.loaded);
    out.sample({{"model", name}, {"result", "failure"}}, model.failed);
  }
  out.family("nn_serve_model_load_seconds", Type::gauge,
             "How long a version took to be loaded and computed with once.");
  for (const auto& [name, model] : loads) {
    for (const auto& [version, time] : model.seconds) {
      out.sample({{"model", name}, {"version", number(version)}}, time);
    }
  }
}

// Of devices: how versions are computed there.
void add_devices(MetricsText& out, const serving::Catalog& catalog) {
  struct Line {
    std::string_view model;
    std::string version;
    serving::DeviceLoad load;
  };
  std::vector<Line> lines;
  for (const auto& model : catalog.models) {
    for (const auto& [version, entry] : model.value.versions) {
      if (!entry.servable) continue;
      for (serving::DeviceLoad& load : entry.servable->report().devices) {
        lines.push_back({model.name, number(version), std::move(load)});
      }
    }
  }
  const auto add = [&](std::string_view name, Type type, std::string_view help, auto value) {
    out.family(name, type, help);
    for (const Line& line : lines) {
      out.sample({{"model", line.model}, {"version", line.version}, {"device", line.load.device}},
                 value(line.load));
    }
  };
  using L = const serving::DeviceLoad&;
  add("nn_serve_batches_total", Type::counter, "Steps that were computed.", [](L l) { return l.steps; });
  add("nn_serve_batch_rows_total", Type::counter, "Rows of those steps.", [](L l) { return l.rows; });
  add("nn_serve_batch_mean_rows", Type::gauge, "Rows of a step, of the recent ones.",
      [](L l) { return l.mean_rows; });
  add("nn_serve_batch_best_rows", Type::gauge, "The most rows of a step, as its cost and the SLO allow.",
      [](L l) { return static_cast<double>(l.best_rows); });
  add("nn_serve_queue_rows", Type::gauge, "Rows that wait for the device, of all versions.",
      [](L l) { return static_cast<double>(l.waiting_rows); });
  add("nn_serve_predicted_wait_seconds", Type::gauge,
      "What a request that comes now will wait, as predicted.",
      [](L l) { return std::chrono::duration<double>(l.wait).count(); });
}

void add_traffic(MetricsText& out, const serving::Catalog& catalog, const Operations& operations) {
  if (!operations.traffic) return;
  std::vector<std::pair<std::string, TrafficView>> models;
  for (const auto& model : catalog.models) {
    if (auto view = operations.traffic(model.name)) models.emplace_back(model.name, std::move(*view));
  }
  out.family("nn_serve_traffic_weight_ratio", Type::gauge,
             "The share of a model's requests that an arm gets.");
  for (const auto& [name, view] : models) {
    for (const auto& arm : view.figures.arms) out.sample({{"model", name}, {"arm", arm.name}}, arm.share);
  }
  out.family("nn_serve_traffic_fallbacks_total", Type::counter, "Requests whose arm wasn't there.");
  for (const auto& [name, view] : models) out.sample({{"model", name}}, view.fallbacks);
  out.family("nn_serve_canary_verdicts_total", Type::counter, "What was decided about new versions.");
  for (const auto& [name, view] : models) {
    for (const auto& [verdict, count] : view.figures.verdicts)
      out.sample({{"model", name}, {"verdict", verdict}}, count);
  }
  out.family("nn_serve_shadow_rows_total", Type::counter, "Rows that were run through a shadow as well.");
  for (const auto& [name, view] : models) {
    out.sample({{"model", name}, {"result", "agree"}}, view.shadow_agree);
    out.sample({{"model", name}, {"result", "differ"}}, view.shadow_differ);
    out.sample({{"model", name}, {"result", "dropped"}}, view.shadow_dropped);
  }
}

void add_connections(MetricsText& out, const http::Server& server) {
  const http::ServerStats& stats = server.stats();
  const auto counter = [&](std::string_view name, std::string_view help,
                           const std::atomic<std::uint64_t>& value) {
    out.family(name, Type::counter, help);
    out.sample({}, value.load(std::memory_order_relaxed));
  };
  out.family("nn_serve_connections", Type::gauge, "Connections of clients.");
  out.sample({{"state", "open"}}, static_cast<double>(server.connections()));
  counter("nn_serve_connections_opened_total", "Connections that came in.", stats.connections_total);
  counter("nn_serve_connections_refused_total", "Connections that found no place.",
          stats.connections_refused);
  counter("nn_serve_connections_closed_idle_total", "Idle connections that were closed.",
          stats.connections_closed_idle);
  counter("nn_serve_http_requests_total", "Heads of requests that were read.", stats.requests_total);
  counter("nn_serve_http_refused_total", "Requests whose head or body was wrong, too large or too slow.",
          stats.requests_refused);
  counter("nn_serve_timeouts_total", "Heads, bodies and answers that were too slow.", stats.timeouts);
  out.family("nn_serve_http_requests_under_way", Type::gauge,
             "Requests between their head and their answer.");
  out.sample({}, static_cast<double>(server.requests_under_way()));
  out.family("nn_serve_request_memory_bytes", Type::gauge, "What the bodies of requests hold.");
  out.sample({}, server.request_bytes());
}

void add_process(MetricsText& out) {
  const ProcessFigures p = process_figures();
  out.family("process_cpu_seconds_total", Type::counter, "Processor time.");
  out.sample({}, p.cpu_s);
  out.family("process_resident_memory_bytes", Type::gauge, "Memory that is resident.");
  out.sample({}, p.resident_bytes);
  out.family("process_virtual_memory_bytes", Type::gauge, "Address space.");
  out.sample({}, p.virtual_bytes);
  out.family("process_open_fds", Type::gauge, "Open file descriptors.");
  out.sample({}, p.open_files);
  out.family("process_max_fds", Type::gauge, "Limit of open file descriptors.");
  out.sample({}, p.max_files);
  out.family("process_threads", Type::gauge, "Threads.");
  out.sample({}, p.threads);
  out.family("process_start_time_seconds", Type::gauge, "When it was started, since 1970.");
  out.sample({}, p.start_s);
}

void add_server(MetricsText& out, const Operations& operations) {
  out.family("nn_serve_build_info", Type::gauge, "The version of nn-tools.");
  out.sample({{"version", tools_version()}}, std::uint64_t{1});
  const Reloads::State reload = operations.reloads.get();
  out.family("nn_serve_config_last_reload_successful", Type::gauge,
             "1 where the configuration that was read last is in force.");
  out.sample({}, std::uint64_t{reload.successful});
  out.family("nn_serve_config_last_reload_success_timestamp_seconds", Type::gauge,
             "When a configuration was taken over last, since 1970.");
  out.sample({}, std::chrono::duration<double>(reload.last_success.time_since_epoch()).count());
  if (operations.access_log) {
    out.family("nn_serve_access_log_lines_total", Type::counter, "Lines for the access log.");
    out.sample({}, operations.access_log->lines());
    out.family("nn_serve_access_log_dropped_total", Type::counter,
               "Of them those that found no room, since the file was too slow.");
    out.sample({}, operations.access_log->dropped());
  }
  if (operations.capture) {
    const Capture::Counts counts = operations.capture->counts();
    out.family("nn_serve_captured_requests_total", Type::counter, "Requests that were captured.");
    out.sample({}, counts.requests);
    out.family("nn_serve_capture_dropped_total", Type::counter,
               "Requests that were to be captured, and found no room or couldn't be written.");
    out.sample({}, counts.dropped);
    out.family("nn_serve_captured_bytes_total", Type::counter, "Bytes of rows that were captured.");
    out.sample({}, counts.bytes);
  }
}

// Names as Triton has them, for dashboards and autoscalers that know those.
void add_triton(MetricsText& out, const Totals& totals) {
  const auto add = [&](std::string_view name, Type type, std::string_view help, auto value) {
    out.family(name, type, help);
    for (const VersionTotals& version : totals.versions) {
      out.sample({{"model", version.model}, {"version", number(version.version)}},
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

}  // namespace

std::string code_text(const Outcome& outcome) {
  const auto code = static_cast<std::size_t>(outcome.code);
  if (!outcome.grpc) return number(code);
  return code < std::size(grpc_names) ? std::string(grpc_names[code]) : number(code);
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

bool wants_open_metrics(std::string_view accept) {
  return accept.find("application/openmetrics-text") != std::string_view::npos;
}

MetricsPage metrics_page(const Service& service, bool open_metrics) {
  Operations& operations = service.operations;
  const auto catalog = service.catalog.get();
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto oldest = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(now - remembered).count());
  operations.counters.forget([&](const std::string& model, std::uint64_t version, std::uint64_t last_ms) {
    return last_ms < oldest && !catalog->find(model, version).servable;
  });
  const Totals totals = operations.counters.totals();
  MetricsText out(open_metrics);
  add_server(out, operations);
  add_requests(out, totals);
  add_version_histogram(out, totals, "nn_serve_request_duration_seconds",
                        "From the first byte of a request that was answered to the last of its answer.",
                        &VersionTotals::total);
  add_version_histogram(out, totals, "nn_serve_queue_duration_seconds",
                        "What requests waited to be computed.", &VersionTotals::queue);
  add_version_histogram(out, totals, "nn_serve_compute_duration_seconds", "What computing requests took.",
                        &VersionTotals::compute);
  add_version_counter(out, totals, "nn_serve_rows_total", "Rows that were answered.", &VersionTotals::rows);
  add_version_counter(out, totals, "nn_serve_cancelled_total", "Requests whose client went away.",
                      &VersionTotals::cancelled);
  add_load(out, totals, operations.server);
  add_states(out, *catalog);
  add_loads(out, operations.loads.get());
  add_devices(out, *catalog);
  add_traffic(out, *catalog, operations);
  if (operations.server != nullptr) add_connections(out, *operations.server);
  add_process(out);
  if (operations.triton_metrics) add_triton(out, totals);
  MetricsPage page;
  page.content_type = out.content_type();
  page.text = out.take();
  return page;
}

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
