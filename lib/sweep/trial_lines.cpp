#include "sweep/trial_lines.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <span>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "sweep/group.hpp"
#include "sweep/plan.hpp"
#include "sweep/tables.hpp"
#include "sweep/trial_text.hpp"

namespace nn::sweep {
namespace {

constexpr std::size_t shown_failures = 3;
constexpr std::size_t longest_line = 300;  // of a log

void print(const std::string& line) {
  write_all(STDOUT_FILENO, std::as_bytes(std::span(line)), "standard output");
}

std::string parameters_of(const study::Trial& trial) {
  std::string out;
  for (const study::TrialParameter& p : trial.parameters)
    out += fmt::format(" {}={}", p.what->name, p.text());
  return out;
}

}  // namespace

std::string failure_text(const study::Trial& trial, const std::string& log, const std::string& tail,
                         const std::string& command) {
  std::string text =
      fmt::format("trial {} failed: {}; its log is {}", trial.number, trial.ending.reason, log);
  if (tail.find('\n') != std::string::npos) {  // a single one is in the reason
    text += ", and ends with";
    for (const std::string& line : split_lines(tail)) text += "\n    " + printable(line, longest_line);
  }
  if (!command.empty()) text += "\n  by hand: " + command.substr(0, command.size() - 1);
  return text;
}

std::string trial_line(const study::Study& study, const study::Trial& trial, bool is_best) {
  std::string line = fmt::format("trial {} {}", trial.number, enum_names(trial.state).name_of(trial.state));
  const auto objectives = study.objectives();
  for (std::size_t o = 0; o < trial.values.size(); ++o)
    line += fmt::format(" {}={}", objectives[o].name, trial.values[o]);
  if (is_best) line += " best";
  line += parameters_of(trial);
  if (!std::isnan(trial.ending.wall_s)) line += fmt::format(" {:.1f}s", trial.ending.wall_s);
  return line + fmt::format(" {}", trial.slot);
}

void TrialLines::ended(const study::Trial& trial, bool is_best) {
  print(json_ ? trial_json(study_, trial) : trial_line(study_, trial, is_best) + '\n');
}

void TrialLines::failed(const study::Trial& trial, const std::string& tail) {
  // Members of a group often fail of one cause, which is said once.
  const std::string log = folder_of(trials_folder(study_.journal().path()), trial) + "/log";
  std::string cause = trial.ending.reason + '\0' + log;
  if (cause == told_) return;
  told_ = std::move(cause);
  const bool in_full = failed_ < shown_failures && trial.ending.exit_status;  // or there is nothing to be run
  if (in_full) ++failed_;
  warn("{}",
       failure_text(trial, log, in_full ? tail : "", in_full ? trial_command(study_, trial.number) : ""));
}

void TrialLines::paused(const study::Trial& trial) {
  if (json_) return;  // its end comes
  const study::Checkpoint& at = trial.checkpoints.back();
  print(fmt::format("trial {} paused step={} {}={}{} {}\n", trial.number, at.budget,
                    study_.objectives()[0].name, at.value, parameters_of(trial), trial.slot));
}

void TrialLines::said(const std::string& sentence) { warn("{}", sentence); }

}  // namespace nn::sweep
