#include "sweep/trial_text.hpp"

#include <fmt/format.h>

#include <cmath>

#include "base/error.hpp"
#include "base/numbered_path.hpp"
#include "base/text.hpp"
#include "sweep/ask.hpp"
#include "sweep/fidelity.hpp"
#include "sweep/group.hpp"
#include "sweep/plan.hpp"
#include "sweep/pruning.hpp"

namespace nn::sweep {

std::string objective_name(study::Study& study, std::size_t o) {
  const auto objectives = study.objectives();
  return objectives[o].name.empty() ? (o == 0 ? "value" : fmt::format("value_{}", o)) : objectives[o].name;
}

namespace {

// As it was when the trial began: since then a run may have gone on with another command or space. Without a
// command where another program made it.
study::Header header_of(const study::Study& study, const study::Trial& trial) {
  const auto& headers = study.log().headers;
  if (trial.attempt > 0 && trial.header < headers.size()) return study::parse_header(headers[trial.header]);
  return study.header() != nullptr ? *study.header() : study::Header();
}

}  // namespace

std::vector<std::string> command_of(study::Study& study, const study::Trial& trial) {
  if (study.header() == nullptr) fail_data("the journal has no command: another program made it");
  const study::Header header = header_of(study, trial);
  if (header.command.empty())
    fail_data("trial {} has no command: who asked for it ran it in its own way", trial.number);
  const search::Space space = search::Space::parse(header.space, header.forbidden);
  const auto shell = header.settings.find("shell");
  const bool is_shell = shell != header.settings.end() && shell->second == "yes";
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
  const Template command = is_shell ? Template::of_shell(header.command[0]) : Template(header.command);
  std::vector<std::string> words = words_of(command, space, {{point_of(space, trial)}}, place);
  return is_shell ? std::vector<std::string>{"sh", "-c", words[0]} : words;
}

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

std::string trial_command(study::Study& study, std::uint32_t number) {
  return shell_line(command_of(study, trial_of(study, number))) + '\n';
}

std::string trial_text(study::Study& study, std::uint32_t number_of) {
  const study::Trial& trial = trial_of(study, number_of);
  std::string out;
  const auto line = [&](std::string_view name, std::string_view text) {
    if (!text.empty()) out += fmt::format("{:<11} {}\n", name, printable(text, 4096));
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
  if (!header_of(study, trial).command.empty()) {
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

}  // namespace nn::sweep
