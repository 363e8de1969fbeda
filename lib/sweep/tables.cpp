#include "sweep/tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.hpp"
#include "base/json_lines.hpp"
#include "base/log.hpp"
#include "search/importance.hpp"
#include "search/pareto.hpp"
#include "sweep/ask.hpp"
#include "sweep/plan.hpp"
#include "sweep/trial_text.hpp"

namespace nn::sweep {
namespace {

// All parameters that these trials have, those of the space first.
std::vector<std::string> names_in(study::Study& study, const std::vector<const study::Trial*>& trials) {
  std::vector<std::string> names;
  std::set<std::string, std::less<>> known;
  const auto add = [&](const std::string& name) {
    if (known.insert(name).second) names.push_back(name);
  };
  for (const search::Parameter& p : study.space().parameters()) add(p.name);
  for (const study::Trial* trial : trials) {
    for (const study::TrialParameter& p : trial->parameters) add(p.what->name);
  }
  return names;
}

Cell parameter_cell(const study::Trial& trial, const std::string& name) {
  const study::TrialParameter* p = trial.find(name);
  return p == nullptr ? none() : Cell{p->text(), json_of(p->what->distribution, p->value)};
}

Table table_of(study::Study& study, const std::vector<const study::Trial*>& trials) {
  Table table;
  table.names = {"trial", "state"};
  const std::size_t objectives = study.log().directions.size();
  for (std::size_t o = 0; o < objectives; ++o) table.names.push_back(objective_name(study, o));
  const std::vector<std::string> parameters = names_in(study, trials);
  table.names.insert(table.names.end(), parameters.begin(), parameters.end());
  for (const char* name : {"seconds", "slot", "attempts", "reason"}) table.names.emplace_back(name);
  for (const study::Trial* trial : trials) {
    std::vector<Cell> row{
        whole(trial->number),
        cell(trial->paused ? "paused" : std::string(enum_names(trial->state).name_of(trial->state)))};
    for (std::size_t o = 0; o < objectives; ++o)
      row.push_back(o < trial->values.size() ? number(trial->values[o]) : none());
    for (const std::string& name : parameters) row.push_back(parameter_cell(*trial, name));
    const double seconds = trial->seconds();
    row.push_back(std::isnan(seconds) ? none() : number(std::round(seconds * 1000) / 1000));
    row.push_back(cell(std::string(trial->slot)));
    row.push_back(whole(trial->attempt));
    row.push_back(cell(trial->ending.reason));
    table.rows.push_back(std::move(row));
  }
  return table;
}

bool can_be_best(const study::Trial& trial) {
  return trial.state == study::State::complete && trial.has_finite_values() && !(trial.violation() > 0);
}

std::vector<const study::Trial*> best_of(study::Study& study, const BestOptions& options) {
  std::vector<const study::Trial*> good;
  std::size_t taken_over = 0;
  for (const study::Trial& trial : study.log().trials) {
    if (!can_be_best(trial)) continue;
    if (options.models && !trial.from.empty()) {
      ++taken_over;
    } else {
      good.push_back(&trial);
    }
  }
  if (taken_over > 0)
    warn("{} trials are other journals', and so are their models: they are left out", taken_over);
  if (good.empty())
    fail_data("no trial is complete yet{}",
              study.log().trials.empty() ? "" : ", keeps its constraints and has a value");
  const auto& directions = study.log().directions;
  if (options.pareto) {
    std::vector<search::Losses> losses;
    for (const study::Trial* trial : good) {
      search::Losses loss = trial->values;
      for (std::size_t o = 0; o < loss.size(); ++o)
        loss[o] *= directions[o] == study::Direction::maximize ? -1 : 1;
      losses.push_back(std::move(loss));
    }
    std::vector<const study::Trial*> front;
    for (const std::size_t place : search::pareto_front(losses)) front.push_back(good[place]);
    return front;
  }
  if (directions.size() > 1)
    fail_usage("there are several objectives, of which none is more than the others: say --pareto");
  std::stable_sort(good.begin(), good.end(), [&](const study::Trial* a, const study::Trial* b) {
    return study.log().is_better(*a, *b);
  });
  good.resize(std::min(good.size(), options.top));
  return good;
}

}  // namespace

std::vector<std::string> parameter_names(study::Study& study) {
  std::vector<const study::Trial*> all;
  for (const study::Trial& trial : study.log().trials) all.push_back(&trial);
  return names_in(study, all);
}

std::string trials_table(study::Study& study, TableFormat format) {
  std::vector<const study::Trial*> all;
  for (const study::Trial& trial : study.log().trials) all.push_back(&trial);
  return text_of(table_of(study, all), format);
}

std::string trial_json(study::Study& study, const study::Trial& trial) {
  return text_of(table_of(study, {&trial}), TableFormat::jsonl);
}

std::string best_table(study::Study& study, const BestOptions& options) {
  const std::vector<const study::Trial*> best = best_of(study, options);
  std::string out;
  for (const study::Trial* trial : best) {
    if (options.models) {
      for (const std::string& model : models_of(study, *trial))
        out += (out.empty() ? "-m " : " -m ") + shell_quoted(model);
    } else if (options.command) {
      out += shell_line(command_of(study, *trial)) + '\n';
    }
  }
  if (options.models) return out + '\n';
  return options.command ? out : text_of(table_of(study, best), options.format);
}

std::string lineage_table(study::Study& study, std::uint32_t number_of, TableFormat format) {
  std::vector<const study::Trial*> line{&trial_of(study, number_of)};
  while (line.back()->parent >= 0 && line.back()->parent < static_cast<std::int64_t>(line.back()->number))
    line.push_back(&study.log().trials[static_cast<std::size_t>(line.back()->parent)]);
  std::reverse(line.begin(), line.end());
  Table table;
  table.names = {"trial", "member", "from", "to", objective_name(study, 0), "seed"};
  const std::vector<std::string> parameters = names_in(study, line);
  table.names.insert(table.names.end(), parameters.begin(), parameters.end());
  double from = 0;
  const auto add = [&](const study::Trial& trial, double to, double value) {
    const std::int64_t member = member_of(trial);
    table.rows.push_back({whole(trial.number), member < 0 ? none() : whole(member), number(from), number(to),
                          number(value), whole(static_cast<std::int64_t>(trial.seed))});
    for (const std::string& name : parameters) table.rows.back().push_back(parameter_cell(trial, name));
    from = to;
  };
  for (const study::Trial* trial : line) {
    for (const study::Checkpoint& at : trial->checkpoints) add(*trial, at.budget, at.value);
    const bool has_more = trial->checkpoints.empty() || trial->checkpoints.back().budget < trial->budget;
    if (has_more && trial->state == study::State::complete)
      add(*trial, std::isnan(trial->budget) ? from : trial->budget, trial->values[0]);
  }
  return text_of(table, format);
}

std::string status_text(study::Study& study, bool json) {
  const study::StudyLog& log = study.log();
  const study::Trial* best = log.directions.size() == 1 ? log.best() : nullptr;
  if (json) {
    std::string line = "{";
    add_json(line, "study", log.name);
    for (const std::string_view name : enum_names(study::State{}).list()) {
      add_json(line, name, log.count(enum_names(study::State{}).parse(name)));
    }
    if (best != nullptr) {
      add_json(line, "best_trial", best->number);
      add_json(line, "best", best->values[0]);
    }
    return line + "}\n";
  }
  std::string out = fmt::format("{}: {} trials", log.name, log.trials.size());
  for (const std::string_view name : enum_names(study::State{}).list()) {
    const std::size_t count = log.count(enum_names(study::State{}).parse(name));
    if (count > 0) out += fmt::format(", {} {}", count, name);
  }
  out += '\n';
  if (best != nullptr)
    out +=
        fmt::format("best: trial {} with {} {}\n", best->number, objective_name(study, 0), best->values[0]);
  for (const study::Trial& trial : log.trials) {
    if (trial.paused) {
      out += fmt::format("trial {} waits at step {}\n", trial.number, trial.budget);
    } else if (trial.state == study::State::running) {
      out += fmt::format("trial {} runs on {} since {}\n", trial.number,
                         trial.slot.empty() ? trial.worker : trial.slot, study::to_string(trial.start));
    }
  }
  return out;
}

std::string importance_table(study::Study& study, TableFormat format) {
  const std::vector<double> found = search::importances(study.space(), study.history());
  double sum = 0;
  for (const double value : found) sum += value;
  std::vector<std::pair<double, std::string>> sorted;
  for (std::size_t p = 0; p < found.size(); ++p) {
    sorted.emplace_back(sum > 0 ? found[p] / sum : 0, study.space().parameters()[p].name);
  }
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  Table table{{"parameter", "importance"}, {}};
  for (const auto& [share, name] : sorted) {
    table.rows.push_back({cell(name), {fmt::format("{:.4f}", share), fmt::format("{}", share)}});
  }
  return text_of(table, format);
}

}  // namespace nn::sweep
