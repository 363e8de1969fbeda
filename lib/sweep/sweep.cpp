#include "sweep/sweep.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "base/signals.hpp"
#include "search/sampler.hpp"
#include "sweep/fidelity.hpp"
#include "sweep/group.hpp"
#include "sweep/live_display.hpp"
#include "sweep/observers.hpp"
#include "sweep/tensorboard.hpp"
#include "sweep/trial_lines.hpp"
#include "sweep/warm_start.hpp"

namespace nn::sweep {
namespace {

constexpr std::uint32_t shown_commands = 3;  // of a dry run

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
  search::History history(space.size(), plan.objectives.size());
  const auto fidelity = make_fidelity({plan.pruner, plan.objectives[0].direction, &space, o.seed});
  GroupProposer group(propose_by(plan.sampler), plan.shared, plan.sampler.allow_duplicates);
  const std::size_t members = std::max<std::size_t>(plan.members, 1);
  std::uint32_t first = 0;
  for (std::uint32_t c = 0; c < shown_commands; ++c) {
    TrialPlace place;
    GroupValues values{{}, plan.shared};
    values.points.reserve(members);  // the first one leads
    for (std::uint32_t n = place.trial = first; values.points.size() < members; ++n) {
      RandomStream random(o.seed, RandomUse::propose, n);
      const auto proposal = group.propose()(space, history, n, random);
      if (!proposal) break;
      values.points.push_back(proposal->point);
      group.follow(&values.points[0]);
      history.add(n, search::TrialState::running, proposal->point,
                  std::vector<double>(plan.objectives.size(), std::nan("")));
      place.trials.push_back(n);
      place.seeds.push_back(study::trial_seed(o.seed, n));
    }
    group.follow(nullptr);
    if (values.points.empty()) break;
    first += static_cast<std::uint32_t>(values.points.size());
    place.seed = place.seeds[0];
    const double budget = fidelity ? fidelity->first_budget(place.trial) : whole_budget(plan.pruner);
    if (!std::isnan(budget)) place.budget = budget;
    place.directory = trial_folder(plan.folder, place.trial);
    place.checkpoint = place.directory + "/checkpoint";
    const std::vector<Slot>& slots = hosts[0].slots;  // of some it isn't known before they are reached
    place.slot = slots.empty() ? Slot{hosts[0].name, "cpu:0", 0} : slots[c % slots.size()];
    place.device = set_up(place.slot, nullptr, plan.mask).device;
    const std::string line = shell_line(words_of(plan.command, space, values, place)) + '\n';
    write_all(STDOUT_FILENO, std::as_bytes(std::span(line)), "standard output");
  }
}

}  // namespace

void sweep(const SweepOptions& o) {
  const search::Space space = space_of(o);
  Plan plan = plan_of(o);
  if (plan.members > 0) plan.shared = shared_parameters(space, o.shared);
  if (o.journal.empty() && !o.dry_run)
    fail_usage("no journal is named: --journal FILE is where all that happens is written");
  check(plan.command, space);
  check_stages(plan, space);
  if (plan.members > 0) check_group(plan, space);
  std::string said;
  const std::vector<Host> hosts = hosts_of(o, said);
  if (!said.empty()) print_note(said);
  if (o.dry_run) return dry_run(o, plan, space, hosts);

  std::vector<study::Study> old = read_old(o.from, o.journal, plan.objectives);
  if (o.lease_s < 1) fail_usage("a lease is a second at least");
  const auto lease = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(o.lease_s));
  study::Presence presence(o.journal, study::boot_clock(), lease);
  study::Study study(o.journal, opening_of(o, space),
                     {.worker = presence.id(), .spare_link = presence.path() + ".link"});
  for (const std::string& note : study.take_notes()) warn("{}", note);
  take_over(study, std::move(old));
  study::Observer others(o.journal, study.journal().has_sure_locks(), study::boot_clock(), lease);
  others.tidy();
  TrialLines lines(study, o.json);
  std::optional<LiveDisplay> live;
  if (const int terminal = LiveDisplay::terminal(); terminal >= 0)
    live.emplace(study, plan, lines, terminal, o.json);
  Observers observers;
  observers.add(live ? static_cast<Observation&>(*live) : lines);
  std::optional<TensorBoard> board;
  if (!o.tensorboard.empty()) observers.add(board.emplace(study, o.tensorboard));
  const RunResult result = run(study, presence, others, plan, propose_by(plan.sampler), hosts, observers);
  if (live) live->remove();
  others.tidy();  // of those that died meanwhile
  if (board && stop_requested() == 0) board->catch_up();
  for (const std::string& note : study.take_notes()) warn("{}", note);
  print_summary(fmt::format("{} finished, {} failed; {}; slots were busy {:.1f} % of the time",
                            result.finished, result.failed, result.reason,
                            result.slot_s > 0 ? 100 * result.busy_s / result.slot_s : 0.0));
  if (const study::Trial* best = live ? study.log().best() : nullptr; best != nullptr)
    print_summary("best: " + trial_line(study, *best));
  if (result.error) throw Error(*result.error);
  if (stop_requested() == SIGTERM && ::getenv("SLURM_ARRAY_TASK_ID") != nullptr) {
    // That a task of an array had to go is no failure of it.
    return warn("told to end; what is unfinished is left to other tasks");
  }
  throw_if_stopped();
}

}  // namespace nn::sweep
