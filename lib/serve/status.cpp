#include "serve/status.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/json_text.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "http/server.hpp"
#include "serve/served.hpp"

namespace nn::serve {
namespace {

VersionStatus version_status(std::uint64_t number, const serving::VersionEntry& entry,
                             const serving::ModelEntry& model) {
  VersionStatus out;
  out.number = number;
  out.state = serving::name_of(entry.state);
  if (entry.reason) out.reason = printable(entry.reason->statement(), 400);
  for (const auto& [label, target] : model.labels) {
    if (target == number) out.labels += (out.labels.empty() ? "" : ", ") + printable(label);
  }
  if (entry.servable) {
    out.digest = entry.servable->digest();
    out.load = entry.servable->report();
  }
  return out;
}

void add_counts(VersionStatus& to, const VersionTotals& from) {
  to.requests = from.ended;
  for (const auto& ended : from.outcomes) {
    if (is_fault(ended.outcome)) to.faults += ended.count;
  }
  to.rows = from.rows;
  to.under_way = from.under_way();
  to.p50_us = from.total.quantile_us(0.5);
  to.p99_us = from.total.quantile_us(0.99);
  to.times = from.total;
  if (from.last_ms == 0) return;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const double now_s = std::chrono::duration<double>(now).count();
  to.idle_s = std::max(0.0, now_s - static_cast<double>(from.last_ms) / 1000);
}

}  // namespace

ServerStatus status_of(const Service& service, Clock::time_point now) {
  const Operations& operations = service.operations;
  ServerStatus out;
  out.now = now;
  out.ready = service.ready();
  out.draining = service.draining.load(std::memory_order_relaxed);
  out.uptime_s = std::chrono::duration<double>(std::chrono::system_clock::now() - operations.started).count();
  out.process = process_figures();
  if (operations.server != nullptr) {
    out.connections = operations.server->connections();
    out.under_way = operations.server->requests_under_way();
  }
  const Totals totals = operations.counters.totals();
  const auto loads = operations.loads.get();
  const VersionTotals overall = operations.counters.overall();
  out.requests = overall.ended;
  out.faults = faults_of(overall);
  const auto catalog = service.catalog.get();
  const auto rates = operations.history.rates();
  for (const auto& entry : catalog->models) {
    ModelStatus model;
    model.name = entry.name;
    const auto rate = rates.find(model.name);
    if (rate != rates.end()) model.rate = rate->second;
    if (entry.value.reason) model.reason = printable(entry.value.reason->statement(), 400);
    for (const auto& [label, error] : entry.value.wrong_labels) {
      model.wrong_labels.push_back(printable(label) + ": " + printable(error.statement(), 400));
    }
    for (const auto& [number, version] : entry.value.versions) {
      model.versions.insert(model.versions.begin(), version_status(number, version, entry.value));
      VersionStatus& status = model.versions.front();
      for (const VersionTotals& counts : totals.versions) {
        if (counts.version == number && counts.model == entry.name) add_counts(status, counts);
      }
      const auto load = loads.find(model.name);
      if (load == loads.end()) continue;
      const auto time = load->second.seconds.find(number);
      if (time != load->second.seconds.end()) status.load_s = time->second;
    }
    const auto live = catalog->find(entry.name, 0, default_label(entry.value));
    if (live.servable) model.live = live.servable->version();
    if (operations.traffic) model.traffic = operations.traffic(model.name);
    out.models.push_back(std::move(model));
  }
  if (operations.workers) out.workers = operations.workers();
  out.samples = operations.history.samples();
  out.recent = operations.history.faults();
  out.reload = operations.reloads.get();
  return out;
}

// ---- JSON

namespace {

using Json = nlohmann::ordered_json;

Json json_of(const serving::DeviceLoad& load) {
  Json curve = Json::array();
  for (const serving::CostPoint& point : load.curve)
    curve.push_back({{"rows", point.rows}, {"seconds", point.seconds}});
  Json out{{"device", load.device}};
  if (!load.member.empty()) out["member"] = printable(load.member);
  out.update({{"cost_base_s", load.base},
              {"cost_per_row_s", load.slope},
              {"curve", curve},
              {"best_rows", load.best_rows},
              {"mean_rows", load.mean_rows},
              {"steps", load.steps},
              {"rows", load.rows},
              {"waiting_rows", load.waiting_rows},
              {"predicted_wait_us", load.wait.count()}});
  return out;
}

Json json_of(const serving::MemberLoad& member) {
  Json out{{"name", member.name},         {"at", member.where},      {"weight", member.weight},
           {"answered", member.answered}, {"failed", member.failed}, {"late", member.late}};
  if (!member.fault.empty()) out["fault"] = member.fault;
  return out;
}

Json json_of(const VersionStatus& version) {
  Json out{{"version", version.number}, {"state", version.state}};
  if (!version.reason.empty()) out["reason"] = version.reason;
  out["labels"] = version.labels;
  out["digest"] = version.digest;
  out["requests"] = version.requests;
  out["faults"] = version.faults;
  out["rows"] = version.rows;
  out["under_way"] = version.under_way;
  out["p50_us"] = version.p50_us;
  out["p99_us"] = version.p99_us;
  if (version.idle_s >= 0) out["idle_s"] = version.idle_s;
  if (version.load_s >= 0) out["load_s"] = version.load_s;
  Json devices = Json::array();
  for (const auto& load : version.load.devices) devices.push_back(json_of(load));
  out["devices"] = devices;
  if (version.load.members.empty()) return out;
  Json members = Json::array();
  for (const auto& member : version.load.members) members.push_back(json_of(member));
  out["members"] = members;
  out["quorum"] = version.load.quorum;
  out["incomplete"] = version.load.incomplete;
  return out;
}

Json json_of(const TrafficView& view) {
  Json arms = Json::array();
  for (const auto& arm : view.figures.arms) {
    arms.push_back({{"arm", arm.name}, {"target", arm.target}, {"share", arm.share}});
  }
  Json out{{"arms", arms}, {"sticky", view.figures.key}, {"fallbacks", view.fallbacks}};
  if (const auto& trial = view.figures.trial) {
    out["canary"] = {
        {"version", trial->version},
        {"control", trial->control},
        {"step", trial->step},
        {"held", trial->held},
        {"requests",
         {{"canary", trial->evidence.canary_requests}, {"control", trial->evidence.control_requests}}},
        {"errors", {{"canary", trial->evidence.canary_errors}, {"control", trial->evidence.control_errors}}},
        {"shadow",
         {{"requests", trial->evidence.shadow_requests},
          {"errors", trial->evidence.shadow_errors},
          {"dropped", trial->evidence.shadow_dropped}}}};
  }
  out["shadow_rows"] = {
      {"agree", view.shadow_agree}, {"differ", view.shadow_differ}, {"dropped", view.shadow_dropped}};
  if (!view.figures.last_decision.empty()) out["last_decision"] = view.figures.last_decision;
  if (view.figures.fault) out["fault"] = view.figures.fault->statement();
  return out;
}

Json json_of(const client::RemoteCatalog::WorkerReport& worker) {
  const client::WorkerFigures& figures = worker.figures;
  Json out{{"worker", worker.name},
           {"up", figures.up},
           {"left_out", figures.out},
           {"models", worker.models},
           {"requests", figures.requests},
           {"failures", figures.failures},
           {"under_way", figures.requests_under_way},
           {"p50_us", figures.times.quantile_us(0.5)},
           {"p99_us", figures.times.quantile_us(0.99)}};
  if (!worker.error.empty()) out["error"] = worker.error;
  return out;
}

}  // namespace

std::string status_json(const ServerStatus& status) {
  Json models = Json::array();
  for (const ModelStatus& model : status.models) {
    Json versions = Json::array();
    for (const VersionStatus& version : model.versions) versions.push_back(json_of(version));
    Json one{{"name", model.name}, {"versions", versions}};
    if (model.live != 0) one["live"] = model.live;
    if (!model.reason.empty()) one["reason"] = model.reason;
    if (model.traffic) one["traffic"] = json_of(*model.traffic);
    models.push_back(std::move(one));
  }
  Json workers = Json::array();
  for (const auto& worker : status.workers) workers.push_back(json_of(worker));
  Json samples = Json::array();
  for (const History::Sample& sample : status.samples) {
    samples.push_back({{"ago_s", std::chrono::duration<double>(status.now - sample.when).count()},
                       {"rate", sample.rate},
                       {"faults", sample.faults},
                       {"p50_us", sample.p50_us},
                       {"p99_us", sample.p99_us}});
  }
  // KServe's clients look for "status".
  Json out{{"status", "alive"},
           {"name", "nn-serve"},
           {"version", tools_version()},
           {"ready", status.ready},
           {"draining", status.draining},
           {"uptime_s", status.uptime_s},
           {"requests", status.requests},
           {"faults", status.faults},
           {"under_way", status.under_way},
           {"connections", status.connections},
           {"resident_bytes", status.process.resident_bytes},
           {"models", models},
           {"workers", workers},
           {"history", samples},
           {"reload",
            {{"successful", status.reload.successful},
             {"error", status.reload.error},
             {"later", status.reload.later}}}};
  return json_dump(out) + "\n";
}

// ---- text

std::string time_text(std::uint64_t us) {
  if (us == 0) return "-";
  if (us < 1000) return fmt::format("{} us", us);
  const double ms = static_cast<double>(us) / 1e3;
  constexpr double most_ms = 999.5;  // that three digits show
  return ms < most_ms ? fmt::format("{:.3g} ms", ms) : fmt::format("{:.3g} s", ms / 1e3);
}

std::string count_text(double value) {
  if (value >= 100 || value == std::floor(value))
    return format_count(static_cast<std::uint64_t>(std::llround(value)));
  return fmt::format("{:.3g}", value);
}

namespace {

constexpr std::size_t columns = 80;                // of a terminal
constexpr std::string_view under = "           ";  // a version's number

// Lines of words that fit the terminal, where the words do.
void append_words(std::string& out, std::string_view indent, std::string_view text) {
  while (!text.empty()) {
    std::size_t end = text.size();
    if (indent.size() + end >= columns) {
      end = text.rfind(' ', columns - indent.size() - 1);
      if (end == text.npos || end == 0) end = std::min(text.find(' ', 1), text.size());
    }
    out += indent;
    out += text.substr(0, end);
    out += '\n';
    text = trim(text.substr(end));
  }
}

template <typename... Cells>
void append_row(std::string& out, const Cells&... cells) {
  fmt::format_to(std::back_inserter(out), "  {:>8} {:<9} {:<12} {:>10} {:>6} {:>10} {:>7} {:>7}\n", cells...);
}

// Ten columns are enough for it: of long ones the millions.
std::string short_count(std::uint64_t value) {
  constexpr std::uint64_t million = 1'000'000;
  return value < 100 * million ? format_count(value) : format_count(value / million) + "M";
}

void append_version(std::string& out, const VersionStatus& version) {
  append_row(out, version.number, version.state, version.labels.empty() ? "-" : version.labels,
             short_count(version.requests), short_count(version.faults), short_count(version.rows),
             time_text(version.p50_us), time_text(version.p99_us));
  append_words(out, under, version.reason);
  for (const serving::MemberLoad& member : version.load.members) {
    append_words(out, under,
                 fmt::format("{} at {}: {} answers, {} failed, {} late{}{}", printable(member.name),
                             printable(member.where), format_count(member.answered),
                             format_count(member.failed), format_count(member.late),
                             member.fault.empty() ? "" : "; now: ", printable(member.fault, 400)));
  }
  if (version.load.incomplete > 0) {
    append_words(
        out, under,
        fmt::format("{} requests were answered without all members", format_count(version.load.incomplete)));
  }
  for (const serving::DeviceLoad& load : version.load.devices) {
    if (load.curve.empty()) continue;
    const std::string member = load.member.empty() ? "" : "member " + printable(load.member) + ", ";
    append_words(out, under,
                 fmt::format("{}{}: rows of a step {:.3g} on average, {} at most; waiting {}", member,
                             load.device, load.mean_rows, load.best_rows, load.waiting_rows));
  }
}

void append_traffic(std::string& out, const TrafficView& view) {
  if (!view.figures.arms.empty()) {
    out += "  traffic:";
    for (const auto& arm : view.figures.arms) {
      out += fmt::format(" {} {:.3g}% ({})", printable(arm.name), 100 * arm.share, printable(arm.target));
    }
    out += "\n";
  }
  if (const auto& trial = view.figures.trial) {
    out += fmt::format("  canary: version {} against {}, {:.3g}%{}\n", trial->version, trial->control,
                       trial->step, trial->held ? ", held" : "");
  }
  if (!view.figures.last_decision.empty())
    append_words(out, "  ", "decided: " + decision_text(view.figures.last_decision));
  if (view.figures.fault)
    append_words(out, "  ", "fault: " + printable(view.figures.fault->statement(), 400));
}

void append_workers(std::string& out, const ServerStatus& status) {
  if (status.workers.empty()) return;
  constexpr auto cells = "{:<24} {:<8} {:>10} {:>8} {:>9} {:>7} {:>7}\n";
  out += "\n";
  out += fmt::format(cells, "WORKER", "STATE", "REQUESTS", "FAILURES", "UNDER WAY", "P50", "P99");
  for (const auto& worker : status.workers) {
    const client::WorkerFigures& figures = worker.figures;
    std::string name = printable(worker.name);
    if (name.size() > 24) out += std::exchange(name, "") + "\n";
    out += fmt::format(cells, name, state_of(figures), short_count(figures.requests),
                       short_count(figures.failures), figures.requests_under_way,
                       time_text(figures.times.quantile_us(0.5)), time_text(figures.times.quantile_us(0.99)));
    append_words(out, under, printable(worker.error, 400));
  }
}

}  // namespace

std::string_view state_of(const client::WorkerFigures& worker) {
  return !worker.up ? "down" : worker.out ? "left out" : "up";
}

std::string status_text(const ServerStatus& status) {
  std::string out = fmt::format("nn-serve {}  {}  up {}\n", tools_version(),
                                status.draining ? "draining"
                                : status.ready  ? "ready"
                                                : "not ready",
                                format_duration(status.uptime_s));
  out += fmt::format("{} requests, {} faults; {} under way, {} connections; {} MiB\n",
                     format_count(status.requests), format_count(status.faults), status.under_way,
                     status.connections, status.process.resident_bytes >> 20);
  if (!status.samples.empty()) {
    const History::Sample& last = status.samples.back();
    out += fmt::format("{} requests/s, p50 {}, p99 {}\n", count_text(last.rate), time_text(last.p50_us),
                       time_text(last.p99_us));
  }
  if (!status.reload.successful)
    out += "the configuration is the old one: " + printable(status.reload.error, 400) + "\n";
  for (const std::string& name : status.reload.later)
    out += "changes with the next start: " + printable(name) + "\n";
  for (const ModelStatus& model : status.models) {
    out += "\n" + printable(model.name) + (model.reason.empty() ? "" : ": " + model.reason) + "\n";
    append_row(out, "VERSION", "STATE", "LABELS", "REQUESTS", "FAULTS", "ROWS", "P50", "P99");
    for (const VersionStatus& version : model.versions) append_version(out, version);
    for (const std::string& label : model.wrong_labels) out += "  label " + label + "\n";
    if (model.traffic) append_traffic(out, *model.traffic);
  }
  append_workers(out, status);
  if (!status.recent.empty()) out += "\nrecent faults\n";
  for (const History::Fault& fault : status.recent)
    append_words(out, "  ", fmt::format("{} {}: {}", fault.status, fault.path, fault.error));
  return out;
}

}  // namespace nn::serve
