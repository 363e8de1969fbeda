// What nn-sweep run is told, and what becomes of it: a study's opening and a plan.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "options/option.hpp"
#include "search/pruner.hpp"
#include "search/sampler.hpp"
#include "study/study.hpp"
#include "sweep/agents.hpp"
#include "sweep/plan.hpp"

namespace nn::sweep {

struct SweepOptions {
  std::string journal;
  std::vector<std::string> parameters, forbidden;  // lines, as search::Space::parse() takes them
  std::string space_file;                          // with such lines; empty: none
  std::vector<study::Objective> objectives;
  std::vector<Constraint> constraints;
  search::SamplerOptions sampler;
  search::PrunerSpec pruner;
  std::uint64_t seed = 0;

  std::vector<std::string> command;
  bool shell = false;
  std::vector<std::string> devices;
  std::string hosts_file;
  double lease_s = std::chrono::duration<double>(study::default_lease).count();
  bool slurm = false, no_mask = false, change_directory = false;

  std::string metric_from, metric_expression, metric_file;
  ValueOf value_of = ValueOf::last;
  KeepCheckpoints keep_checkpoints = KeepCheckpoints::best;

  std::optional<std::size_t> trials;
  std::size_t members = 0;          // of a process; 0: each trial has its own
  std::vector<std::string> shared;  // names of parameters
  std::optional<std::size_t> most_failures;
  bool fail_fast = false;
  std::optional<double> target;
  std::size_t patience = 0;
  double stop_after_s = 0, timeout_s = 0, kill_after_s = 10;
  int retries = 3;
  bool dry_run = false;

  // Of `run` alone.
  std::vector<std::string> from;  // journals whose trials are taken over
  bool json = false;              // of trials' lines
  std::string tensorboard;        // a folder; empty: none
};

options::List option_list(SweepOptions& options);
// The same with those of `run` alone.
options::List run_option_list(SweepOptions& options);
// --journal alone, for commands that take no more of these.
void add_journal_option(options::List& list, std::string& journal);

// The space of --param and --space. Usage errors.
search::Space space_of(const SweepOptions& options);
Plan plan_of(const SweepOptions& options);
study::Opening opening_of(const SweepOptions& options, const search::Space& space);
// Of --device, --hosts and --slurm; without both, each GPU, or else each core: `said` is what was chosen, a
// sentence.
std::vector<Host> hosts_of(const SweepOptions& options, std::string& said);

}  // namespace nn::sweep
