#include <fmt/chrono.h>
#include <fmt/format.h>

#include <iterator>

#include "base/log.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "serve/status.hpp"
#include "serve/status_charts.hpp"
#include "serve/status_files.hpp"

namespace nn::serve {
namespace {

class Page {
 public:
  template <typename... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
  }
  void add_text(std::string_view text) { text_ += text; }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string_view class_of(std::string_view state) {
  if (state == "AVAILABLE") return "good";
  return state == "END" ? "bad" : "warn";
}

std::string ago_text(double seconds) {
  return seconds < 0 ? "-" : seconds < 2 ? "now" : format_duration(seconds) + " ago";
}

void add_figure(Page& page, std::string_view name, std::string_view value) {
  page.add("<div><dt>{}</dt><dd>{}</dd></div>", html(name), html(value));
}

void add_head(Page& page, const ServerStatus& status) {
  const bool good = status.ready && !status.draining;
  page.add(
      R"(<header><h1>nn-serve</h1><span class="state {}">{}</span><span class="soft">{} &middot; up {}</span></header>)",
      good ? "good" : "warn",
      status.draining ? "draining"
      : status.ready  ? "ready"
                      : "not ready",
      html(tools_version()), html(format_duration(status.uptime_s)));
}

void add_overview(Page& page, const ServerStatus& status) {
  const History::Sample last = status.samples.empty() ? History::Sample{} : status.samples.back();
  page.add_text("<section><dl class=\"figures\">");
  add_figure(page, "requests/s", count_text(last.rate));
  add_figure(page, "p50", time_text(last.p50_us));
  add_figure(page, "p99", time_text(last.p99_us));
  add_figure(page, "under way", count_text(static_cast<double>(status.under_way)));
  add_figure(page, "connections", count_text(static_cast<double>(status.connections)));
  add_figure(page, "requests", count_text(static_cast<double>(status.requests)));
  add_figure(page, "faults", count_text(static_cast<double>(status.faults)));
  add_figure(page, "memory", fmt::format("{} MiB", status.process.resident_bytes >> 20));
  page.add_text("</dl><div class=\"charts\">");
  page.add(
      R"(<div><h3>Requests a second<span class="key a">all</span><span class="key b">faults</span></h3>{}</div>)",
      rate_chart(status));
  page.add(R"(<div><h3>Latency<span class="key a">p50</span><span class="key c">p99</span></h3>{}</div>)",
           latency_chart(status));
  page.add_text("</div></section>");
}

void add_configuration(Page& page, const ServerStatus& status) {
  if (status.reload.successful && status.reload.later.empty()) return;
  page.add_text("<section><h2>Configuration</h2>");
  if (!status.reload.successful) {
    page.add(R"(<p class="bad">The old one is in force: {}</p>)", html(printable(status.reload.error, 400)));
  }
  if (!status.reload.later.empty()) {
    page.add_text("<p>These changes come into force with the next start:</p><ul>");
    for (const std::string& name : status.reload.later)
      page.add("<li><code>{}</code></li>", html(printable(name)));
    page.add_text("</ul>");
  }
  page.add_text("</section>");
}

void add_version(Page& page, const VersionStatus& version) {
  page.add(R"(<tr><td>{}</td><td class="text"><span class="{}">{}</span></td><td class="text">{}</td>)",
           version.number, class_of(version.state), html(version.state), html(version.labels));
  page.add(
      R"(<td>{}</td><td{}>{}</td><td class="minor">{}</td><td class="minor">{}</td><td>{}</td><td class="minor">{}</td><td class="minor">{}</td></tr>)",
      format_count(version.requests), version.faults > 0 ? " class=\"bad\"" : "",
      format_count(version.faults), format_count(version.rows), time_text(version.p50_us),
      time_text(version.p99_us), html(ago_text(version.idle_s)),
      version.load_s < 0 ? "-" : html(time_text(static_cast<std::uint64_t>(version.load_s * 1e6) + 1)));
  if (!version.reason.empty())
    page.add(R"(<tr><td class="reason" colspan="10">{}</td></tr>)", html(version.reason));
}

// Who an ensemble is made of, and how they do.
void add_members(Page& page, const VersionStatus& version) {
  if (version.load.members.empty()) return;
  page.add("<h3>Version {}: {} of {} members must answer; {} requests were answered without all</h3>",
           version.number, version.load.quorum, version.load.members.size(),
           format_count(version.load.incomplete));
  page.add_text(
      R"(<div class="wide"><table><thead><tr><th>Member</th><th class="text">Where</th><th>Weight</th><th>Answers</th><th>Failed</th><th>Late</th><th class="text">Now</th></tr></thead><tbody>)");
  for (const serving::MemberLoad& member : version.load.members) {
    page.add(
        R"(<tr><td>{}</td><td class="text">{}</td><td>{:.3g}</td><td>{}</td><td>{}</td><td>{}</td><td class="text"><span class="{}">{}</span></td></tr>)",
        html(printable(member.name)), html(printable(member.where)), member.weight,
        format_count(member.answered), format_count(member.failed), format_count(member.late),
        member.fault.empty() ? "good" : "bad",
        member.fault.empty() ? "well" : html(printable(member.fault, 400)));
  }
  page.add_text("</tbody></table></div>");
}

void add_traffic(Page& page, const TrafficView& view) {
  if (!view.figures.arms.empty()) {
    page.add_text(
        R"(<div class="wide"><table><thead><tr><th>Arm</th><th class="text">Who answers</th><th>Share</th></tr></thead><tbody>)");
    for (const auto& arm : view.figures.arms) {
      page.add(R"(<tr><td>{}</td><td class="text">{}</td><td>{:.3g}%</td></tr>)", html(printable(arm.name)),
               html(printable(arm.target)), 100 * arm.share);
    }
    page.add_text("</tbody></table></div>");
  }
  if (const auto& trial = view.figures.trial) {
    page.add("<p>Version {} is tried against {} with {:.3g}% of the traffic{}.</p>", trial->version,
             trial->control, trial->step, trial->held ? ", and held there" : "");
  }
  if (view.shadow_agree + view.shadow_differ + view.shadow_dropped > 0) {
    page.add("<p>Shadow: {} rows agree, {} differ, {} were dropped.</p>", format_count(view.shadow_agree),
             format_count(view.shadow_differ), format_count(view.shadow_dropped));
  }
  if (!view.figures.last_decision.empty()) {
    page.add("<p>Decided last, {}.</p>", html(decision_text(view.figures.last_decision)));
  }
  if (view.figures.fault) {
    page.add(R"(<p class="bad">{}</p>)", html(printable(view.figures.fault->statement(), 400)));
  }
}

// Pictures of the version that answers most.
void add_charts(Page& page, const ModelStatus& model) {
  const VersionStatus* busiest = nullptr;
  for (const VersionStatus& version : model.versions) {
    if (version.state == "AVAILABLE" && (busiest == nullptr || version.requests > busiest->requests))
      busiest = &version;
  }
  if (busiest == nullptr) return;
  std::string charts;
  const auto add = [&]<typename... Args>(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(charts), format, std::forward<Args>(args)...);
  };
  if (busiest->times.count() > 0) {
    add("<div><h3>Version {}: requests by their time</h3>{}</div>", busiest->number,
        histogram_chart(busiest->times));
  }
  for (const serving::DeviceLoad& load : busiest->load.devices) {
    if (load.curve.empty()) continue;
    add(R"(<div><h3>Version {}{} on {}: time a row, by rows of a step</h3>{}<p class="soft">Rows of a step: {:.3g} on average; rows that wait: {}{}.</p></div>)",
        busiest->number, load.member.empty() ? "" : html(", member " + printable(load.member)),
        html(load.device), batch_chart(load, busiest->load.slo), load.mean_rows, load.waiting_rows,
        load.newest_first ? ", the newest come first, since too much has waited for too long" : "");
  }
  if (!charts.empty()) page.add("<div class=\"charts\">{}</div>", charts);
}

// What is asked of a model at first sight: does something answer, how much, how fast, how well?
void add_line(Page& page, const ModelStatus& model, std::size_t number) {
  const auto* trial =
      model.traffic && model.traffic->figures.trial ? &*model.traffic->figures.trial : nullptr;
  const VersionStatus* live = nullptr;
  std::uint64_t faults = 0, requests = 0;
  for (const VersionStatus& version : model.versions) {
    faults += version.faults, requests += version.requests;
    if (version.number == model.live) live = &version;
  }
  const VersionStatus* newest = model.versions.empty() ? nullptr : &model.versions.front();
  const std::string state = live != nullptr ? live->state : newest != nullptr ? newest->state : "END";
  // Whoever published it looks for it here.
  std::string beside;
  if (trial != nullptr) {
    beside = fmt::format(R"( <span class="warn">{} tried</span>)", trial->version);
  } else if (model.traffic && model.traffic->figures.arms.size() > 1) {
    for (const auto& arm : model.traffic->figures.arms)
      beside += fmt::format("{}{} {:.3g}%", beside.empty() ? " <span class=\"soft\">" : ", ",
                            html(printable(arm.target)), 100 * arm.share);
    beside += "</span>";
  } else if (live != nullptr && newest->number > live->number) {
    beside = fmt::format(R"( <span class="{}">{} {}</span>)", class_of(newest->state), newest->number,
                         html(newest->state));
  }
  page.add(
      R"(<tr><td><a href="#m{}">{}</a></td><td class="text">{}{}</td><td class="text"><span class="{}">{}</span></td>)",
      number, html(printable(model.name, 255)), live != nullptr ? std::to_string(live->number) : "-", beside,
      class_of(state), html(state));
  page.add(R"(<td>{}</td><td>{}</td><td{}>{}</td><td class="minor">{}</td></tr>)", count_text(model.rate),
           time_text(live != nullptr ? live->p99_us : 0), faults > 0 ? " class=\"bad\"" : "",
           format_count(faults), format_count(requests));
}

void add_index(Page& page, const ServerStatus& status) {
  if (status.models.size() < 2) return;
  page.add_text(
      R"(<section><div class="wide"><table class="index"><thead><tr><th>Model</th><th class="text">Live</th><th class="text">State</th><th>Req/s</th><th>p99</th><th>Faults</th><th class="minor">Requests</th></tr></thead><tbody>)");
  for (std::size_t i = 0; i < status.models.size(); ++i) add_line(page, status.models[i], i);
  page.add_text("</tbody></table></div></section>");
}

void add_model(Page& page, const ModelStatus& model, std::size_t number) {
  page.add("<section class=\"model\" id=\"m{}\"><h2>{}</h2>", number, html(printable(model.name, 255)));
  if (!model.reason.empty()) page.add(R"(<p class="bad">{}</p>)", html(model.reason));
  for (const std::string& label : model.wrong_labels) page.add(R"(<p class="bad">label {}</p>)", html(label));
  page.add_text(
      R"(<div class="body"><div class="wide"><table><thead><tr><th>Version</th><th class="text">State</th><th class="text">Labels</th><th>Requests</th><th>Faults</th><th class="minor">Rows</th><th class="minor">p50</th><th>p99</th><th class="minor">Last answer</th><th class="minor">Loaded in</th></tr></thead><tbody>)");
  for (const VersionStatus& version : model.versions) add_version(page, version);
  page.add_text("</tbody></table>");
  for (const VersionStatus& version : model.versions) add_members(page, version);
  if (model.traffic) add_traffic(page, *model.traffic);
  page.add_text("</div>");
  add_charts(page, model);
  page.add_text("</div></section>");
}

void add_workers(Page& page, const ServerStatus& status) {
  if (status.workers.empty()) return;
  page.add_text(
      R"(<section><h2>Workers</h2><div class="wide"><table><thead><tr><th>Worker</th><th class="text">State</th><th>Requests</th><th>Failures</th><th>Under way</th><th>p50</th><th>p99</th></tr></thead><tbody>)");
  for (const auto& worker : status.workers) {
    const client::WorkerFigures& figures = worker.figures;
    page.add(
        R"(<tr><td>{}</td><td class="text{}">{}{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>)",
        html(printable(worker.name)), figures.up ? "" : " bad", state_of(figures),
        worker.error.empty() ? "" : ": " + html(printable(worker.error, 400)), format_count(figures.requests),
        format_count(figures.failures), figures.requests_under_way, time_text(figures.times.quantile_us(0.5)),
        time_text(figures.times.quantile_us(0.99)));
  }
  page.add_text("</tbody></table></div></section>");
}

void add_faults(Page& page, const ServerStatus& status) {
  if (status.recent.empty()) return;
  page.add_text("<section><h2>Recent faults</h2><ul>");
  for (const History::Fault& fault : status.recent) {
    page.add("<li>{:%F %T} UTC: <code>{}</code> {}: {}</li>",
             fmt::gmtime(std::chrono::system_clock::to_time_t(fault.when)), html(fault.path), fault.status,
             html(fault.error));
  }
  page.add_text("</ul></section>");
}

}  // namespace

std::string status_policy(std::string_view nonce) {
  return fmt::format(
      "default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-{}'; connect-src 'self'; img-src "
      "data:; "
      "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      nonce);
}

std::string status_page(const ServerStatus& status, std::string_view nonce) {
  Page page;
  page.add(R"(<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>nn-serve: {}</title>)",
           status.draining ? "draining"
           : status.ready  ? "ready"
                           : "not ready");
  page.add_text(
      R"(<meta name="viewport" content="width=device-width,initial-scale=1"><link rel="icon" href="data:,"><noscript><meta http-equiv="refresh" content="10"></noscript><style>)");
  page.add_text(status_css);
  page.add_text("</style></head><body><main>");
  add_head(page, status);
  add_overview(page, status);
  add_configuration(page, status);
  add_index(page, status);
  for (std::size_t i = 0; i < status.models.size(); ++i) add_model(page, status.models[i], i);
  add_workers(page, status);
  add_faults(page, status);
  page.add("</main><script nonce=\"{}\">", nonce);
  page.add_text(status_js);
  page.add_text("</script></body></html>\n");
  return page.take();
}

}  // namespace nn::serve
