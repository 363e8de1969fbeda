// What is told of versions, of how they are computed, and of who gets which.
#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "serve/metrics_families.hpp"

namespace nn::serve {
namespace {

using Type = MetricsText::Type;
using Label = MetricsText::Label;

void add_states(MetricsText& out, const serving::Catalog& catalog) {
  using enum serving::VersionState;
  constexpr std::array states{start, loading, available, unloading, end};
  out.family("nn_serve_model_state", Type::gauge, "1 for the state that a version is in.");
  for (const auto& model : catalog.models) {
    for (const auto& [version, entry] : model.value.versions) {
      for (const auto state : states) {
        out.sample(
            {{"model", model.name}, {"version", number_text(version)}, {"state", serving::name_of(state)}},
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
                  {"version", number_text(version)},
                  {"digest", entry.servable->digest()},
                  {"label", labels}},
                 std::uint64_t{1});
    }
  }
}

// Versions that are gone are told of no more, or every version would be for ever.
void add_loads(MetricsText& out, const serving::Catalog& catalog,
               const std::map<std::string, LoadRecords::Model>& loads) {
  out.family("nn_serve_model_loads_total", Type::counter, "Versions that were loaded, or couldn't be.");
  for (const auto& [name, model] : loads) {
    out.sample({{"model", name}, {"result", "success"}}, model.loaded);
    out.sample({{"model", name}, {"result", "failure"}}, model.failed);
  }
  out.family("nn_serve_model_load_seconds", Type::gauge,
             "How long a version took to be loaded and computed with once.");
  for (const auto& [name, model] : loads) {
    const auto* known = catalog.models.find(name);
    for (const auto& [version, time] : model.seconds) {
      if (known == nullptr || !known->value.versions.contains(version)) continue;
      out.sample({{"model", name}, {"version", number_text(version)}}, time);
    }
  }
}

void add_limit(MetricsText& out, std::uint64_t limit,
               const std::map<std::string, LoadRecords::Model>& loads) {
  if (limit == 0) return;
  out.family("nn_serve_model_memory_limit_bytes", Type::gauge, "What loaded models may take together.");
  out.sample({}, limit);
  out.family("nn_serve_model_evictions_total", Type::counter, "How often a model made room for others.");
  for (const auto& [name, model] : loads) out.sample({{"model", name}}, model.evicted);
}

void add_bytes(MetricsText& out, const serving::Catalog& catalog) {
  out.family("nn_serve_model_bytes", Type::gauge,
             "Memory of a version's weights, and of the values of its steps.");
  for (const auto& model : catalog.models) {
    for (const auto& [version, entry] : model.value.versions) {
      if (!entry.servable) continue;
      const serving::LoadReport report = entry.servable->report();
      if (report.weight_bytes == 0) continue;  // workers have it
      const auto add = [&, number = number_text(version)](std::string_view kind, std::uint64_t bytes) {
        out.sample({{"model", model.name}, {"version", number}, {"kind", kind}}, bytes);
      };
      add("weights", report.weight_bytes);
      add("steps", report.step_bytes);
    }
  }
}

// Columns are the model's, and no more than some of each: the others are one together, without a name.
void add_unknown(MetricsText& out, const serving::Catalog& catalog) {
  constexpr std::size_t most_named = 20;
  out.family("nn_serve_unknown_texts_total", Type::counter,
             "Cells with texts that the model has not seen, which count as none that it knows.");
  for (const auto& model : catalog.models) {
    for (const auto& [version, entry] : model.value.versions) {
      if (!entry.servable) continue;
      const std::vector<serving::UnknownTexts> columns = entry.servable->report().unknown;
      const auto add = [&, number = number_text(version)](std::string_view column, std::uint64_t cells) {
        out.sample({{"model", model.name}, {"version", number}, {"column", column}}, cells);
      };
      const std::size_t named = std::min(columns.size(), most_named);
      for (std::size_t i = 0; i < named; ++i) add(columns[i].column, columns[i].cells);
      std::uint64_t others = 0;
      for (std::size_t i = named; i < columns.size(); ++i) others += columns[i].cells;
      if (named < columns.size()) add("", others);
    }
  }
}

struct DeviceLine {
  std::string_view model;
  std::string version;
  serving::DeviceLoad load;
};

// Members of an ensemble that share a device are one there.
void add_up(serving::DeviceLoad& to, const serving::DeviceLoad& from) {
  to.steps += from.steps;
  to.rows += from.rows;
  to.own_waiting_rows += from.own_waiting_rows;
  to.mean_rows = std::max(to.mean_rows, from.mean_rows);
  to.best_rows = std::max(to.best_rows, from.best_rows);
  to.wait = std::max(to.wait, from.wait);
  to.steps_by_rows.resize(std::max(to.steps_by_rows.size(), from.steps_by_rows.size()));
  for (std::size_t i = 0; i < from.steps_by_rows.size(); ++i) to.steps_by_rows[i] += from.steps_by_rows[i];
}

std::vector<DeviceLine> device_lines(const serving::Catalog& catalog) {
  std::vector<DeviceLine> lines;
  for (const auto& model : catalog.models) {
    for (const auto& [version, entry] : model.value.versions) {
      if (!entry.servable) continue;
      const auto first = static_cast<std::ptrdiff_t>(lines.size());
      for (serving::DeviceLoad& load : entry.servable->report().devices) {
        const auto same = std::find_if(lines.begin() + first, lines.end(), [&](const DeviceLine& line) {
          return line.load.device == load.device;
        });
        if (same != lines.end()) {
          add_up(same->load, load);
        } else {
          lines.push_back({model.name, number_text(version), std::move(load)});
        }
      }
    }
  }
  return lines;
}

// Buckets up to the most rows that a step may have, so that each version has the same.
void add_step_rows(MetricsText& out, const std::vector<DeviceLine>& lines, std::int64_t most_rows) {
  const auto bounds = static_cast<std::size_t>(std::bit_width(static_cast<std::uint64_t>(most_rows - 1))) + 1;
  out.family("nn_serve_batch_rows", Type::histogram, "Rows of the steps that were computed.");
  for (const DeviceLine& line : lines) {
    const auto& steps = line.load.steps_by_rows;
    if (steps.empty()) continue;
    const std::array<Label, 3> labels{
        {{"model", line.model}, {"version", line.version}, {"device", line.load.device}}};
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < std::min(bounds, steps.size()); ++i) {
      sum += steps[i];
      out.bucket(labels, static_cast<double>(std::uint64_t{1} << i), sum);
    }
    out.bucket(labels, std::numeric_limits<double>::infinity(), line.load.steps);
    out.sum_and_count(labels, static_cast<double>(line.load.rows), line.load.steps);
  }
}

}  // namespace

void add_versions(MetricsText& out, const serving::Catalog& catalog, const LoadRecords& records,
                  std::uint64_t memory_limit) {
  const auto loads = records.get();
  add_states(out, catalog);
  add_loads(out, catalog, loads);
  add_bytes(out, catalog);
  add_unknown(out, catalog);
  add_limit(out, memory_limit, loads);
}

void add_devices(MetricsText& out, const serving::Catalog& catalog, std::int64_t most_rows) {
  const std::vector<DeviceLine> lines = device_lines(catalog);
  add_step_rows(out, lines, most_rows);
  const auto add = [&](std::string_view name, Type type, std::string_view help, auto value) {
    out.family(name, type, help);
    for (const DeviceLine& line : lines) {
      out.sample({{"model", line.model}, {"version", line.version}, {"device", line.load.device}},
                 value(line.load));
    }
  };
  using L = const serving::DeviceLoad&;
  add("nn_serve_batches_total", Type::counter, "Steps that were computed.", [](L l) { return l.steps; });
  add("nn_serve_batch_mean_rows", Type::gauge, "Rows of a step, of the recent ones.",
      [](L l) { return l.mean_rows; });
  add("nn_serve_batch_best_rows", Type::gauge, "The most rows of a step, as its cost and the SLO allow.",
      [](L l) { return static_cast<double>(l.best_rows); });
  add("nn_serve_queue_rows", Type::gauge, "Rows of the version that wait for the device.",
      [](L l) { return static_cast<double>(l.own_waiting_rows); });
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

}  // namespace nn::serve
