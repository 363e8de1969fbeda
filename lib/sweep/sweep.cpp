#include "sweep/sweep.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "base/signals.hpp"
#include "search/sampler.hpp"
#include "sweep/fidelity.hpp"

namespace nn::sweep {
namespace {

constexpr std::uint32_t shown_commands = 3;  // of a dry run

// A line a trial, as it ends.
class Lines : public Observation {
 public:
  Lines(const study::Study& study, const std::string& journal) : study_(study), journal_(journal) {}

  void ended(const study::Trial& trial, bool is_best) override {
    std::string line = fmt::format("trial {} {}", trial.number, enum_names(trial.state).name_of(trial.state));
    const auto objectives = study_.objectives();
    for (std::size_t o = 0; o < trial.values.size(); ++o)
      line += fmt::format(" {}={}", objectives[o].name, trial.values[o]);
    if (is_best) line += " best";
    for (const study::TrialParameter& p : trial.parameters)
      line += fmt::format(" {}={}", p.what->name, p.text());
    if (!std::isnan(trial.ending.wall_s)) line += fmt::format(" {:.1f}s", trial.ending.wall_s);
    line += fmt::format(" {}\n", trial.slot);
    write_all(STDOUT_FILENO, std::as_bytes(std::span(line)), "standard output");
    if (trial.state == study::State::failed)
      warn("trial {} failed: {}; its log is {}/log", trial.number, trial.ending.reason,
           trial_folder(trials_folder(journal_), trial.number));
  }
  void paused(const study::Trial& trial) override {
    const study::Checkpoint& at = trial.checkpoints.back();
    std::string line = fmt::format("trial {} paused step={} {}={}", trial.number, at.budget,
                                   study_.objectives()[0].name, at.value);
    for (const study::TrialParameter& p : trial.parameters)
      line += fmt::format(" {}={}", p.what->name, p.text());
    line += fmt::format(" {}\n", trial.slot);
    write_all(STDOUT_FILENO, std::as_bytes(std::span(line)), "standard output");
  }
  void said(const std::string& sentence) override { warn("{}", sentence); }

 private:
  const study::Study& study_;
  const std::string& journal_;
};

// Whether the command may know how far to go, and from where, where the pruner wants that of it.
void check_stages(const Plan& plan, const search::Space& space) {
  const auto& names = plan.command.names();
  const auto uses = [&](std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  const bool knows_budget = has_stages(plan.pruner) || !std::isnan(whole_budget(plan.pruner));
  if (uses("budget") && !knows_budget && !space.find("budget")) {
    throw make_error(ErrorKind::usage, "{{budget}}: the pruner says nothing of how far a trial goes")
        .advise("; 'asha:MIN:MAX' and 'hyperband:MIN:MAX' do");
  }
  if (!has_stages(plan.pruner)) return;
  for (const std::string_view name : {"budget", "checkpoint"}) {
    if (!uses(name))
      print_note(fmt::format("the command has no {{{}}}: it must find it in its environment", name));
  }
}

void dry_run(const SweepOptions& o, const Plan& plan, const search::Space& space,
             const std::vector<Host>& hosts) {
  const search::History history(space.size(), plan.objectives.size());
  const auto fidelity = make_fidelity({plan.pruner, plan.objectives[0].direction, &space, o.seed});
  for (std::uint32_t n = 0; n < shown_commands; ++n) {
    RandomStream random(o.seed, RandomUse::propose, n);
    const auto proposal = search::propose(plan.sampler, space, history, n, random);
    if (!proposal) break;
    TrialPlace place;
    place.trial = n;
    place.seed = study::trial_seed(o.seed, n);
    const double budget = fidelity ? fidelity->first_budget(n) : whole_budget(plan.pruner);
    if (!std::isnan(budget)) place.budget = budget;
    place.directory = trial_folder(plan.folder, n);
    place.checkpoint = place.directory + "/checkpoint";
    place.slot = hosts[0].slots[n % hosts[0].slots.size()];
    place.device = set_up(place.slot, nullptr, plan.mask).device;
    const std::string line = shell_line(words_of(plan.command, space, proposal->point, place)) + '\n';
    write_all(STDOUT_FILENO, std::as_bytes(std::span(line)), "standard output");
  }
}

}  // namespace

void sweep(const SweepOptions& o) {
  const search::Space space = space_of(o);
  const Plan plan = plan_of(o);
  if (o.journal.empty() && !o.dry_run)
    fail_usage("no journal is named: --journal FILE is where all that happens is written");
  check(plan.command, space);
  check_stages(plan, space);
  std::string said;
  const std::vector<Host> hosts = hosts_of(o, said);
  if (!said.empty()) print_note(said);
  if (o.dry_run) return dry_run(o, plan, space, hosts);

  study::Presence presence(o.journal);
  study::Study study(o.journal, opening_of(o, space),
                     {.worker = presence.id(), .spare_link = presence.path() + ".link"});
  for (const std::string& note : study.take_notes()) warn("{}", note);
  study::Observer others(o.journal, study.journal().has_sure_locks());
  others.tidy();
  Lines lines(study, o.journal);
  const RunResult result = run(study, presence, others, plan, propose_by(plan.sampler), hosts, lines);
  for (const std::string& note : study.take_notes()) warn("{}", note);
  print_summary(fmt::format("{} finished, {} failed; {}; slots were busy {:.1f} % of the time",
                            result.finished, result.failed, result.reason,
                            result.slot_s > 0 ? 100 * result.busy_s / result.slot_s : 0.0));
  if (result.error) throw Error(*result.error);
  throw_if_stopped();
}

}  // namespace nn::sweep
