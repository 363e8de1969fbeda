#include "sweep/options.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "options/fields.hpp"
#include "sweep/group.hpp"
#include "sweep/nni_space.hpp"
#include "sweep/slurm.hpp"

namespace nn::sweep {
namespace {

using options::Effect;
using options::Group;

constexpr std::size_t longest_file = 16 << 20;

options::Field objective(std::vector<study::Objective>& objectives, study::Direction direction) {
  return {.repeatable = true, .apply = [&objectives, direction](auto text) {
            for (const study::Objective& other : objectives) {
              if (other.name == *text) fail_usage("'{}' is an objective already", printable(*text));
            }
            if (text->empty()) fail_usage("a metric's name is expected");
            objectives.push_back({std::string(*text), direction});
          }};
}

void add_search_options(options::List& list, SweepOptions& o) {
  Group group(list, "Search", Effect::model);
  group.add({.name = "param",
             .value = "NAME=DISTRIBUTION",
             .help = "A parameter: lr=loguniform:1e-4:1e-1, layers=choice:32;64,32 (repeatable)",
             .text = "A parameter, and what its values are drawn from; `{NAME}` in the command is where the "
                     "value goes.\n"
                     "See PARAMETERS.\nMay be given several times."},
            options::texts(o.parameters));
  group.add(
      {.name = "space",
       .value = "FILE",
       .help = "Parameters from a file, a line each",
       .text =
           "Take parameters from *file*, written as those of --param, one a line; `#` begins a comment, and "
           "lines that begin with `forbid` are as --forbid.\nA file that begins with `{` is a search space "
           "of NNI: what "
           "can't be said here in the same way is refused."},
      options::file(o.space_file));
  group.add(
      {.name = "forbid",
       .value = "CONDITION",
       .help = "What must not come together: 'layers=4 and width=1024' (repeatable)",
       .text = "Propose nothing for which these conditions hold together: `'layers=4 and width=1024'`.\n"
               "May be given several times."},
      options::texts(o.forbidden));
  group.add({.name = "maximize",
             .value = "METRIC",
             .help = "The objective: more is better (repeatable)",
             .text = "The metric that is to become large.\nGiven several times, also with --minimize, the "
                     "objectives are "
                     "weighed by none: what is best is a front (`best --pareto`)."},
            objective(o.objectives, study::Direction::maximize));
  group.add({.name = "minimize",
             .value = "METRIC",
             .help = "The objective: less is better (repeatable)",
             .text = "The metric that is to become small."},
            objective(o.objectives, study::Direction::minimize));
  group.add({.name = "constraint",
             .value = "CONDITION",
             .help = "What a good trial must keep: 'latency<=5' (repeatable)",
             .text = "A metric's limit, METRIC<=NUMBER or METRIC>=NUMBER: trials that exceed it are never "
                     "the best, and "
                     "are learned from as bad ones; one that says nothing of the metric has failed.\nMay be "
                     "given several times."},
            options::each(o.constraints, parse_constraint));
  group.add(
      {.name = "sampler",
       .value = "NAME",
       .help = "What proposes trials (default: {default})",
       .text = "What proposes trials: `auto` chooses by the space, `random`, `grid`, `sobol`, `tpe`, `gp` or "
               "`cmaes`.\nSee SAMPLERS."},
      options::choice(o.sampler.kind));
  group.add({.name = "seed",
             .value = "N",
             .help = "Of proposals and of trials' seeds (default: {default})",
             .text = "Of the proposals, and of the seed that each trial gets, `{seed}`; default {default}."},
            options::count(o.seed, 0));
  group.add(
      {.name = "pruner",
       .value = "RULE",
       .help = "What ends trials early: median, asha:MIN:MAX, … (default: none)",
       .text =
           "What ends trials that don't promise much, by what they report of the objective: see PRUNERS.\n"
           "A trial is told by SIGTERM; the default is `none`."},
      options::parsed(o.pruner, search::PrunerSpec::parse));
  group.add({.name = "startup-trials",
             .value = "N",
             .help = "Trials before a model proposes (default: {default})",
             .text = "Trials that are spread over the space before a model of the results proposes; default "
                     "{default}."},
            options::count(o.sampler.startup, 1, 1'000'000));
  group.add({.name = "grid-points",
             .value = "N",
             .help = "With --sampler grid, values of a continuous parameter",
             .text = "With `--sampler grid`, how many values a parameter has that has no grid of its own."},
            options::count(o.sampler.grid_points, 1, 1'000'000));
  group.add(
      {.name = "allow-duplicates",
       .help = "Propose again what was tried",
       .text = "Propose what was tried before too, where the same values give other results each time."},
      options::flag(o.sampler.allow_duplicates));
}

void add_trial_options(options::List& list, SweepOptions& o) {
  Group group(list, "Trials", Effect::run);
  group.add({.name = "trials",
             .value = "N",
             .help = "End when so many have finished",
             .text = "End when so many trials of the journal have finished; those that failed don't count.\n"
                     "Without it trials begin until the space is exhausted or something else ends the run."},
            options::count(o.trials, 1));
  group.add({.name = "members",
             .value = "K",
             .help = "Run K trials in one process, as members of one nn-train",
             .text = "Run *k* trials in one process: in the command, a placeholder is a list of their values "
                     "then, with "
                     "commas between them, and `{members}` says how many there are.\nSee MEMBERS."},
            options::count(o.members, 1, most_members));
  group.add(
      {.name = "shared",
       .value = "NAME[,NAME...]",
       .help = "With --members, parameters that are the same in a process",
       .text =
           "With --members, parameters of which the command takes one value only: they are the same for all "
           "members of a process.\nMay be given several times."},
      options::columns(o.shared));
  group.add({.name = "stop-after",
             .value = "TIME",
             .help = "Begin no trial later than this: 90s, 10m, 2h",
             .text = "Begin no trial later than this time after the start; those that run may end."},
            options::seconds(o.stop_after_s));
  group.add({.name = "target",
             .value = "VALUE",
             .help = "End when a trial is as good as this",
             .text = "Begin no more trials when one is as good as this."},
            options::parsed(o.target, [](std::string_view text) { return parse_number(text); }));
  group.add({.name = "patience",
             .value = "N",
             .help = "End after N trials without a better one",
             .text = "Begin no more trials when *n* have ended without a better one."},
            options::count(o.patience, 1));
  group.add({.name = "timeout",
             .value = "TIME",
             .help = "End a trial that runs longer",
             .text = "End a trial that runs longer than this: it has failed."},
            options::seconds(o.timeout_s));
  group.add({.name = "kill-after",
             .value = "TIME",
             .help = "Between SIGTERM and SIGKILL (default: {default})",
             .text = "How long a trial that is to end has between SIGTERM and SIGKILL; default {default}."},
            options::seconds(o.kill_after_s));
  group.add({.name = "retries",
             .value = "N",
             .help = "Tries again of a trial that exits with 75 (default: {default})",
             .text = "How often a trial is begun again that ends with exit status 75, which says that "
                     "another time it may "
                     "go well; default {default}."},
            options::count(o.retries, 0, 1'000));
  group.add(
      {.name = "keep-checkpoints",
       .value = "WHICH",
       .help = "Of trials that go on in stages: all, best or none (default: {default})",
       .text =
           "With a pruner that has trials go on from checkpoints, which of them stay when nobody can go on "
           "from them any more: `all`, that of the `best` trial, or `none`; default {default}.\n"
           "Those on other hosts stay."},
      options::choice(o.keep_checkpoints));
  group.add({.name = "max-failures",
             .value = "N",
             .help = "End when more trials failed (default: a fifth of --trials, at least 5)",
             .text = "End with exit status 1 when more trials than this have failed; by default a fifth of "
                     "--trials, at "
                     "least 5.\nWhere the first trials all fail, it ends at once."},
            options::count(o.most_failures, 0));
  group.add({.name = "fail-fast",
             .help = "End at the first trial that fails",
             .text = "End at the first trial that fails."},
            options::flag(o.fail_fast));
  group.add({.name = "dry-run",
             .help = "Print the first commands, and run nothing",
             .text = "Print what the first commands would be, and run nothing; no journal is made."},
            options::flag(o.dry_run));
}

void add_place_options(options::List& list, SweepOptions& o) {
  Group group(list, "Where", Effect::local);
  options::Field devices = options::each(
      o.devices,
      [](std::string_view text) {
        parse_slots(text);
        return std::string(text);
      },
      options::Kind::device);
  group.add({.name = "device",
             .value = "DEVICE[*N]",
             .help = "A slot for a trial at a time, or N of them: cpu:0, cuda:1*2 (repeatable)",
             .text = "A slot: one trial at a time runs there, and `{device}` in the command is this device.\n"
                     "`cuda:0*4` are four slots that share it.\n"
                     "By default there is one for each GPU, or without any for each core.\n"
                     "May be given several times."},
            std::move(devices));
  group.add({.name = "hosts",
             .value = "FILE",
             .help = "Hosts and their devices, a line each, reached by ssh",
             .text = "Run trials on other hosts too: each line of *file* is a host as ssh(1) takes it and "
                     "its devices, then "
                     "maybe `dir=`*path* where trials run and `command=`*nn-sweep* there; see OTHER HOSTS."},
            options::file(o.hosts_file));
  group.add(
      {.name = "slurm",
       .help = "On each node of the Slurm allocation that this runs in",
       .text = "Run trials on each node of the allocation of Slurm that this process is in; --device, if "
               "given, is of each node.\n"
               "See SLURM."},
      options::flag(o.slurm));
  group.add(
      {.name = "lease",
       .value = "TIME",
       .help = "Others take a run for dead that shows no life for so long (default: {default})",
       .text = "How long a run, or its connection to a host, may show no sign of life before its trials are "
               "begun again by others; half of it after the last one they are ended where they run.\n"
               "All runs of a journal should have the same; default {default}."},
      options::seconds(o.lease_s));
  group.add({.name = "no-mask",
             .help = "Let trials see all GPUs",
             .text = "Let a trial see all GPUs, and give it the number of its own: by default it sees no "
                     "other one, which is "
                     "`cuda:0` there."},
            options::flag(o.no_mask));
  group.add({.name = "chdir",
             .help = "Start trials in folders of their own",
             .text = "Start each trial in its own folder; `{dir}` is `.` there."},
            options::flag(o.change_directory));
  group.add({.name = "shell",
             .help = "The command is one text for /bin/sh",
             .text = "The command is one text for sh(1); values are quoted where it would see more in them."},
            options::flag(o.shell));
}

void add_metric_options(options::List& list, SweepOptions& o) {
  Group group(list, "Metrics", Effect::model);
  group.add(
      {.name = "metric-from",
       .value = "PLACE",
       .help = "descriptor: only there; stdout: there too (default)",
       .text =
           "Where metrics are read besides the descriptor that NN_SWEEP_FD names: `stdout`, the default, "
           "takes "
           "lines of JSON there, and, where nothing else said the objective, the last number; `descriptor` "
           "takes nothing there."},
      options::text(o.metric_from, {"stdout", "descriptor"}));
  group.add(
      {.name = "metric-regex",
       .value = "REGEX",
       .help = "The objective in a line of stdout: 'acc=([0-9.]+)'",
       .text =
           "Find the objective in lines of the standard output: the group of this regular expression; of two "
           "groups the first is the step."},
      options::text(o.metric_expression));
  group.add({.name = "metric-file",
             .value = "PATH",
             .help = "A JSON file that the trial leaves in its folder",
             .text = "Read metrics from this file when a trial has ended: one JSON object, in the trial's "
                     "folder unless the "
                     "path is absolute."},
            options::text(o.metric_file));
  group.add(
      {.name = "value",
       .value = "WHICH",
       .help = "A trial's value is its last report, or the best (default: {default})",
       .text = "Which of a trial's reports is its value: the `last`, or the `best`; default {default}."},
      options::choice(o.value_of));
}

void add_nni_space(std::vector<std::string>& lines, const std::string& text, const std::string& path) {
  try {
    NniSpace space = parse_nni_space(text);
    for (const std::string& note : space.notes) warn("{}: {}", path, note);
    lines.insert(lines.end(), space.lines.begin(), space.lines.end());
  } catch (const Error& error) {
    throw error.within_file(path).as(ErrorKind::usage);
  }
}

}  // namespace

void add_journal_option(options::List& list, std::string& journal) {
  Group group(list, "Journal", Effect::local);
  group.add({.name = "journal",
             .letter = 'j',
             .value = "FILE",
             .help = "Where all that happens is written",
             .text = "The journal: what was tried and what became of it, which also tells where to go on.\n"
                     "Any number of runs, on any hosts that share the file system, may have one.\n"
                     "It is a journal of Optuna's, with more in it; *file*`.d` has the trials' folders."},
            options::file(journal, ".jsonl"));
}

options::List option_list(SweepOptions& o) {
  options::List list;
  add_journal_option(list, o.journal);
  add_search_options(list, o);
  add_metric_options(list, o);
  add_trial_options(list, o);
  add_place_options(list, o);
  return list;
}

options::List run_option_list(SweepOptions& o) {
  options::List list = option_list(o);
  Group search(list, "Search", Effect::model);
  search.add(
      {.name = "from",
       .value = "JOURNAL",
       .help = "Learn from the trials of another journal too (repeatable)",
       .text = "Take over what has ended in another journal, of Optuna's too: it is learned from, and counts "
               "for no --trials.\nWhat was taken over before isn't again; what doesn't fit the parameters is "
               "left out, and counted.\nMay be given several times."},
      options::files(o.from, ".jsonl"));
  Group output(list, "Output", Effect::output);
  output.add(
      {.name = "tensorboard",
       .value = "DIR",
       .help = "Write what trials report for TensorBoard, as it comes",
       .text =
           "Write event files below *dir*, a folder for each trial, while trials run: what they report, and "
           "what the HParams dashboard needs; `tensorboard --logdir` shows them live.\n"
           "Numbers have 32 bits there.\nWhat ended before is there as well; going on after a crash "
           "completes what is torn."},
      options::folder(o.tensorboard));
  return list;
}

search::Space space_of(const SweepOptions& options) {
  std::vector<std::string> lines = options.parameters, forbidden = options.forbidden;
  if (!options.space_file.empty()) {
    const std::string file = read_text(options.space_file, longest_file);
    const bool is_json = is_nni_space(file);
    if (is_json) add_nni_space(lines, file, options.space_file);
    for (const std::string& line : is_json ? std::vector<std::string>() : split_lines(file)) {
      const std::string_view text = trim(std::string_view(line).substr(0, line.find('#')));
      if (text.empty()) continue;
      constexpr std::string_view forbid = "forbid ";
      if (text.starts_with(forbid)) {
        forbidden.emplace_back(trim(text.substr(forbid.size())));
      } else {
        lines.emplace_back(text);
      }
    }
  }
  return search::Space::parse(lines, forbidden);
}

Plan plan_of(const SweepOptions& o) {
  Plan plan;
  if (o.command.empty()) {
    fail_usage(
        "no command is given; it comes behind --, as in -- nn-train rows.csv --lr {{lr}} -o {{dir}}/m.nn");
  }
  if (o.shell && o.command.size() != 1) fail_usage("with --shell the command is one text, in quotes");
  if (o.objectives.empty()) fail_usage("no objective is given: --maximize METRIC or --minimize METRIC");
  plan.command = o.shell ? Template::of_shell(o.command[0]) : Template(o.command);
  plan.objectives = o.objectives;
  plan.constraints = o.constraints;
  plan.sampler = o.sampler;
  plan.sampler.seed = o.seed;
  plan.pruner = o.pruner;
  plan.pruner.settle();
  plan.value_of = o.value_of;
  plan.keep_checkpoints = o.keep_checkpoints;
  if (!o.metric_from.empty() && o.metric_from != "stdout" && o.metric_from != "descriptor")
    fail_usage("--metric-from: '{}' is no such place; there are stdout, descriptor",
               printable(o.metric_from));
  plan.metrics = {o.metric_from != "descriptor", o.metric_expression};
  check(plan.metrics);
  plan.metric_file = o.metric_file;
  plan.folder = trials_folder(o.journal);
  plan.change_directory = o.change_directory;
  plan.mask = !o.no_mask;
  plan.members = o.members;
  if (!o.shared.empty() && o.members == 0) fail_usage("--shared is for --members, which isn't given");
  if (o.trials) plan.trials = *o.trials;
  plan.most_failures = o.most_failures;
  plan.fail_fast = o.fail_fast;
  plan.target = o.target;
  plan.patience = o.patience;
  plan.stop_after_s = o.stop_after_s;
  plan.timeout_s = o.timeout_s;
  plan.kill_after_s = o.kill_after_s;
  plan.retries = o.retries;
  return plan;
}

study::Opening opening_of(const SweepOptions& o, const search::Space& space) {
  study::Header header;
  header.version = std::string(tools_version());
  header.command = o.command;
  for (const search::Parameter& parameter : space.parameters())
    header.space.push_back(to_string(parameter, space));
  for (const auto& conditions : space.forbidden()) header.forbidden.push_back(to_string(conditions, space));
  header.seed = o.seed;
  header.settings["sampler"] = enum_names(o.sampler.kind).name_of(o.sampler.kind);
  header.settings["startup-trials"] = std::to_string(o.sampler.startup);
  header.settings["pruner"] = to_string(o.pruner);
  if (o.shell) header.settings["shell"] = "yes";
  study::Opening opening;
  opening.objectives = o.objectives;
  opening.header = std::move(header);
  return opening;
}

std::vector<Host> hosts_of(const SweepOptions& o, std::string& said) {
  if (o.slurm && !o.hosts_file.empty()) fail_usage("hosts are named by a file, or are Slurm's; not both");
  if (o.slurm) return slurm_hosts(o.devices);
  std::vector<Host> hosts;
  if (!o.hosts_file.empty()) hosts = parse_hosts(read_text(o.hosts_file, longest_file), o.hosts_file);
  if (!o.devices.empty()) hosts.push_back(local_host(o.devices));
  if (!hosts.empty()) return hosts;
  const std::vector<std::string> devices = default_devices();
  said = fmt::format("no --device is given: {} slots, one for each {}", devices.size(),
                     devices[0].starts_with("cuda:") ? "GPU" : "core");
  hosts.push_back(local_host(devices));
  return hosts;
}

}  // namespace nn::sweep
