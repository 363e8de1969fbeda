#include "sweep/tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.hpp"
#include "base/json_lines.hpp"
#include "base/numbered_path.hpp"
#include "base/text.hpp"
#include "search/importance.hpp"
#include "search/pareto.hpp"
#include "sweep/ask.hpp"
#include "sweep/fidelity.hpp"
#include "sweep/group.hpp"
#include "sweep/plan.hpp"
#include "sweep/pruning.hpp"

namespace nn::sweep {
namespace {

// A cell, as text and as JSON.
struct Cell {
  std::string text, json;
};
Cell cell(std::string text) {
  std::string json = json_quoted(text);
  return {std::move(text), std::move(json)};
}
Cell number(double value) {
  if (std::isnan(value)) return {"", "null"};
  const std::string text = fmt::format("{}", value);
  return {text, std::isfinite(value) ? text : "null"};
}
Cell whole(std::int64_t value) { return {std::to_string(value), std::to_string(value)}; }
Cell none() { return {"", "null"}; }

struct Table {
  std::vector<std::string> names;
  std::vector<std::vector<Cell>> rows;
};

std::string csv_word(const std::string& word) {
  if (word.find_first_of(",\"\n\r") == std::string::npos) return word;
  std::string out = "\"";
  for (const char c : word) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}

std::string json_row(const Table& table, const std::vector<Cell>& row) {
  std::string out = "{";
  for (std::size_t i = 0; i < row.size(); ++i) {
    out += fmt::format("{}{}:{}", i > 0 ? "," : "", json_quoted(table.names[i]), row[i].json);
  }
  return out + '}';
}

// Columns as wide as what is in them, two spaces between.
std::string aligned(const Table& table) {
  std::vector<std::size_t> widths;
  const auto width = [](const std::string& text) {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
  };
  for (std::size_t i = 0; i < table.names.size(); ++i) {
    std::size_t most = width(table.names[i]);
    for (const auto& row : table.rows) most = std::max(most, width(row[i].text));
    widths.push_back(most);
  }
  std::string out;
  const auto line = [&](auto text_of) {
    std::string row;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      const std::string text = text_of(i);
      row += text + std::string(widths[i] - width(text) + 2, ' ');
    }
    row.resize(row.find_last_not_of(' ') + 1);
    out += row + '\n';
  };
  line([&](std::size_t i) { return table.names[i]; });
  for (const auto& row : table.rows) line([&](std::size_t i) { return printable(row[i].text, 200); });
  return out;
}

std::string text_of(const Table& table, TableFormat format) {
  std::string out;
  switch (format) {
    case TableFormat::text: return aligned(table);
    case TableFormat::csv: {
      for (std::size_t i = 0; i < table.names.size(); ++i)
        out += (i > 0 ? "," : "") + csv_word(table.names[i]);
      out += '\n';
      for (const auto& row : table.rows) {
        for (std::size_t i = 0; i < row.size(); ++i) out += (i > 0 ? "," : "") + csv_word(row[i].text);
        out += '\n';
      }
      return out;
    }
    case TableFormat::jsonl:
      for (const auto& row : table.rows) out += json_row(table, row) + '\n';
      return out;
    case TableFormat::json:
      for (const auto& row : table.rows) out += (out.empty() ? "[" : ",\n ") + json_row(table, row);
      return (out.empty() ? "[" : out) + "]\n";
  }
  return out;
}

std::string objective_name(study::Study& study, std::size_t o) {
  const auto objectives = study.objectives();
  return objectives[o].name.empty() ? (o == 0 ? "value" : fmt::format("value_{}", o)) : objectives[o].name;
}

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

// What the command was told of the trial, as far as the journal knows it.
std::vector<std::string> command_of(study::Study& study, const study::Trial& trial) {
  const study::Header* header = study.header();
  if (header == nullptr || header->command.empty())
    fail_data("the journal has no command: another program made it");
  const auto shell = header->settings.find("shell");
  const bool is_shell = shell != header->settings.end() && shell->second == "yes";
  TrialPlace place;
  place.trial = trial.number;
  place.attempt = trial.attempt;
  place.seed = trial.seed;
  place.directory = folder_of(trials_folder(study.journal().path()), trial);
  place.checkpoint = place.directory + "/checkpoint";
  const std::string_view slot = trial.slot;
  const std::string_view device = slot.substr(slot.rfind('/') + 1);
  place.slot.device = std::string(device.substr(0, device.find('#')));
  place.device = place.slot.device;
  if (!std::isnan(trial.budget)) place.budget = trial.budget;
  const Template command = is_shell ? Template::of_shell(header->command[0]) : Template(header->command);
  std::vector<std::string> words =
      words_of(command, study.space(), {{point_of(study.space(), trial)}}, place);
  return is_shell ? std::vector<std::string>{"sh", "-c", words[0]} : words;
}

// The models of nn-train that a command writes: what stands behind -o.
std::vector<std::string> models_of(study::Study& study, const study::Trial& trial) {
  const std::vector<std::string> words = command_of(study, trial);
  std::vector<std::string> models;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if ((words[i] == "-o" || words[i] == "--output") && i + 1 < words.size()) models.push_back(words[i + 1]);
    if (words[i].starts_with("--output=")) models.push_back(words[i].substr(9));
  }
  // Of several members nn-train writes a model each, with its number.
  const auto member = group_place(trial);
  for (std::string& model : models) {
    if (member) model = numbered_path(model, std::to_string(member->member));
  }
  if (models.empty())
    fail_data("trial {}: its command writes no model that could be found: it has no -o", trial.number);
  return models;
}

std::vector<const study::Trial*> best_of(study::Study& study, const BestOptions& options) {
  std::vector<const study::Trial*> good;
  for (const study::Trial& trial : study.log().trials) {
    if (can_be_best(trial)) good.push_back(&trial);
  }
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

const EnumNames<TableFormat>& enum_names(TableFormat) {
  static constexpr EnumName<TableFormat> table[] = {{TableFormat::text, "text"},
                                                    {TableFormat::csv, "csv"},
                                                    {TableFormat::json, "json"},
                                                    {TableFormat::jsonl, "jsonl"}};
  static constexpr EnumNames<TableFormat> names{"a format", table};
  return names;
}

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

std::string trial_command(study::Study& study, std::uint32_t number) {
  return shell_line(command_of(study, trial_of(study, number))) + '\n';
}

std::string trial_text(study::Study& study, std::uint32_t number_of) {
  const study::Trial& trial = trial_of(study, number_of);
  std::string out;
  const auto line = [&](std::string_view name, std::string_view text) {
    if (!text.empty()) out += fmt::format("{:<12}{}\n", name, printable(text, 4096));
  };
  line("trial", std::to_string(trial.number));
  line("state", trial.paused ? "paused" : enum_names(trial.state).name_of(trial.state));
  line("reason", trial.ending.reason);
  for (std::size_t o = 0; o < trial.values.size(); ++o)
    line(objective_name(study, o), fmt::format("{}", trial.values[o]));
  for (const auto& [name, by] : trial.constraints())
    line(name, by > 0 ? fmt::format("exceeded by {}", by) : "kept");
  for (const study::TrialParameter& p : trial.parameters) line(p.what->name, p.text());
  line("sampler", trial.sampler);
  line("seed", std::to_string(trial.seed));
  if (const auto place = group_place(trial))
    line("group", fmt::format("of trial {}, as member {}", place->first, place->member));
  line("slot", trial.slot);
  line("parent", trial.parent >= 0 ? std::to_string(trial.parent) : "");
  line("budget", std::isnan(trial.budget) ? "" : fmt::format("{}", trial.budget));
  for (const study::Checkpoint& at : trial.checkpoints)
    line("checkpoint", fmt::format("step {} {} {}", at.budget, at.value, at.path));
  line("attempt", trial.attempt > 0 ? std::to_string(trial.attempt) : "");
  line("start", trial.start == study::Date{} ? "" : study::to_string(trial.start));
  line("end", trial.end == study::Date{} ? "" : study::to_string(trial.end));
  if (!std::isnan(trial.ending.wall_s)) line("seconds", fmt::format("{:.3f}", trial.ending.wall_s));
  if (trial.ending.memory_kb > 0) line("memory", fmt::format("{} MiB", trial.ending.memory_kb / 1024));
  for (const study::Report& report : trial.reports) {
    line("report", fmt::format("{} {} {}", report.step, report.value, trial.metrics_of(report)));
  }
  if (study.header() != nullptr && !study.header()->command.empty()) {
    line("command", shell_line(command_of(study, trial)));
    line("log", folder_of(trials_folder(study.journal().path()), trial) + "/log");
  }
  return out;
}

std::string explanation(study::Study& study, std::uint32_t number_of) {
  const study::Trial& trial = trial_of(study, number_of);
  const search::PrunerSpec spec = pruner_of(study);
  if (spec.kind == search::PrunerKind::none) return "no pruner decides about trials of this study\n";
  if (has_stages(spec)) {
    const auto fidelity =
        make_fidelity({spec, study.log().directions[0], &study.space(), study.header()->seed});
    fidelity->update(study.log());
    std::string out = fidelity->explain(trial.number);
    if (out.empty()) out = fmt::format("trial {} has come to no budget yet\n", trial.number);
    if (!trial.ending.reason.empty()) out += fmt::format("as the journal has it: {}\n", trial.ending.reason);
    return out;
  }
  // All that ended before this one ended is known; what it reported is decided about again.
  const bool maximize = study.log().directions[0] == study::Direction::maximize;
  const double sign = maximize ? -1 : 1;
  search::Pruner pruner(spec, maximize);
  for (const study::Trial& other : study.log().trials) {
    if (other.number == trial.number || !other.is_finished()) continue;
    if (trial.is_finished() && other.end > trial.end) continue;
    for (const study::Report& report : other.reports)
      pruner.add(other.number, report.step, sign * report.value);
    pruner.end(other.number, end_of(other.state),
               other.values.empty() ? std::nan("") : sign * other.values[0]);
  }
  std::string out;
  for (const study::Report& report : trial.reports) {
    const search::Decision decision = pruner.report(trial.number, report.step, sign * report.value);
    out += fmt::format("step {}: {}: {}\n", report.step, decision.prune ? "pruned" : "goes on",
                       to_string(decision));
    if (decision.prune) break;
  }
  if (out.empty()) out = fmt::format("trial {} reported nothing that could be decided about\n", trial.number);
  if (!trial.ending.reason.empty()) out += fmt::format("as the journal has it: {}\n", trial.ending.reason);
  return out;
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
