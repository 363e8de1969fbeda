#include "serve/metrics.hpp"

#include "base/version.hpp"
#include "http/server.hpp"
#include "serve/metrics_families.hpp"

namespace nn::serve {
namespace {

using Type = MetricsText::Type;

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
  out.family("nn_serve_build_info", Type::gauge,
             "The version of nn-tools, and the commit that it was built from.");
  out.sample({{"version", tools_version()}, {"commit", tools_commit()}}, std::uint64_t{1});
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
    out.family("nn_serve_capture_dropped_rows_total", Type::counter,
               "Rows of those, and rows that were cut off.");
    out.sample({}, counts.dropped_rows);
    out.family("nn_serve_captured_bytes_total", Type::counter, "Bytes of rows that were captured.");
    out.sample({}, counts.bytes);
  }
}

}  // namespace

bool wants_open_metrics(std::string_view accept) {
  return accept.find("application/openmetrics-text") != std::string_view::npos;
}

MetricsPage metrics_page(const Service& service, bool open_metrics) {
  const Operations& operations = service.operations;
  const auto catalog = service.catalog.get();
  const Totals totals = operations.counters.totals();
  MetricsText out(open_metrics);
  add_server(out, operations);
  add_requests(out, totals);
  add_load(out, totals, operations.server);
  add_versions(out, *catalog, operations.loads, service.options.memory);
  add_devices(out, *catalog, service.options.batch_max);
  add_members(out, *catalog);
  if (operations.workers) add_workers(out, operations.workers());
  add_traffic(out, *catalog, operations);
  if (operations.server != nullptr) add_connections(out, *operations.server);
  add_process(out);
  if (operations.triton_metrics) add_triton(out, totals);
  MetricsPage page;
  page.content_type = out.content_type();
  page.text = out.take();
  return page;
}

}  // namespace nn::serve
