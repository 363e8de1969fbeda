// nn-sweep: searches parameters of any command, over all devices. The work is in lib/sweep.
#include <fmt/format.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/numbers.hpp"
#include "base/overwrite.hpp"
#include "chart/plot.hpp"
#include "cli/help.hpp"
#include "cli/tool.hpp"
#include "options/fields.hpp"
#include "study/repair.hpp"
#include "sweep/agent.hpp"
#include "sweep/command_options.hpp"
#include "sweep/sweep.hpp"
#include "sweep/tables.hpp"
#include "sweep/trial_text.hpp"

namespace {

namespace chart = nn::chart;
namespace options = nn::options;
namespace sweep = nn::sweep;

constexpr int status_prune = 10;  // of report; should-prune has test(1)'s

struct Options {
  sweep::SweepOptions sweep;
  sweep::AskOptions ask;
  sweep::BestOptions best;
  chart::PlotOptions plot;
  sweep::TableFormat format = sweep::TableFormat::text;
  std::optional<sweep::ExportFormat> export_format;
  std::string output = "-";
  std::string journal;  // of commands that only read
  std::string before;   // of agent
  sweep::SlotRequest slots;
  std::optional<std::uint32_t> trial;
  std::vector<std::uint32_t> trials;
  std::int64_t step = 0;
  std::vector<double> values;
  std::vector<std::string> fixed;
  bool failed = false, pruned = false, json = false, command = false, repair = false;
};

std::uint32_t parse_trial(std::string_view text) {
  return static_cast<std::uint32_t>(nn::parse_count(text, 0, UINT32_MAX));
}

// A value that a trial may have: NaN too, which says that it went wrong.
double parse_value(std::string_view text) {
  if (text == "nan" || text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "inf" || text == "-inf")
    return (text[0] == '-' ? -1 : 1) * std::numeric_limits<double>::infinity();
  return nn::parse_number(text);
}

std::vector<nn::cli::Command> commands(Options& o) {
  const auto command =
      options::argument("COMMAND", "COMMAND", "The command, behind --, with placeholders as {lr}",
                        options::texts(o.sweep.command));
  const auto journal =
      options::argument("JOURNAL", "JOURNAL", "The journal", options::file(o.journal, ".jsonl"), true);
  const auto trial =
      options::argument("TRIAL", "TRIAL", "The trial's number", options::parsed(o.trial, parse_trial), true);
  const auto step = options::argument("STEP", "STEP", "The step", options::count(o.step, 0), true);
  const auto values = options::argument("VALUE", "VALUE", "The objective's value; of several, each",
                                        options::each(o.values, parse_value));
  const auto numbers = options::argument("TRIAL", "TRIAL", "Numbers of trials; all that failed by default",
                                         options::each(o.trials, parse_trial));
  const auto fixed = options::argument("NAME=VALUE", "NAME=VALUE", "Values; what isn't said is proposed",
                                       options::texts(o.fixed));
  const auto before = options::argument("ID", "ID", "An agent that was lost", options::text(o.before));
  return {
      {.name = "run",
       .summary = "run trials of a command until enough have finished",
       .options = sweep::run_options(o.sweep),
       .arguments = {command}},
      {.name = "ask",
       .summary = "print a trial to be run by whoever asks",
       .options = sweep::ask_options(o.sweep, o.ask)},
      {.name = "tell",
       .summary = "say what became of a trial",
       .options = sweep::tell_options(o.sweep.journal, o.failed, o.pruned),
       .arguments = {trial, values}},
      {.name = "report",
       .summary = "report a step's value: status 10 says that the trial should end",
       .options = sweep::journal_options(o.sweep.journal),
       .arguments = {trial, step, values}},
      {.name = "should-prune",
       .summary = "status 0 where a trial should end, 1 where it may go on",
       .options = sweep::journal_options(o.sweep.journal),
       .arguments = {trial}},
      {.name = "enqueue",
       .summary = "have a trial with these values run next",
       .options = sweep::journal_options(o.sweep.journal),
       .arguments = {fixed}},
      {.name = "retry",
       .summary = "have trials that failed run again",
       .options = sweep::journal_options(o.sweep.journal),
       .arguments = {numbers}},
      {.name = "best",
       .summary = "print the best trials, their models or commands",
       .options = sweep::best_options(o.best),
       .arguments = {journal}},
      {.name = "trials",
       .summary = "print all trials",
       .options = sweep::table_options(o.format),
       .arguments = {journal}},
      {.name = "show",
       .summary = "print all of a trial",
       .options = sweep::show_options(o.command),
       .arguments = {journal, trial}},
      {.name = "explain",
       .summary = "say why a trial was ended early, or not",
       .options = {},
       .arguments = {journal, trial}},
      {.name = "lineage",
       .summary = "print the stages that led to a trial",
       .options = sweep::table_options(o.format),
       .arguments = {journal, trial}},
      {.name = "importance",
       .summary = "print which parameters matter",
       .options = sweep::table_options(o.format),
       .arguments = {journal}},
      {.name = "plot",
       .summary = "draw pictures of it: a page, SVG, or text",
       .options = chart::option_list(o.plot),
       .arguments = {journal}},
      {.name = "status",
       .summary = "print what is running, and the best so far",
       .options = sweep::status_options(o.json),
       .arguments = {journal}},
      {.name = "slots",
       .summary = "print the slots of a run on this host; add some, drain some",
       .options = sweep::slots_options(o.slots),
       .arguments = {journal}},
      {.name = "export",
       .summary = "write trials in formats of other programs",
       .options = sweep::export_options(o.export_format, o.output),
       .arguments = {journal}},
      {.name = "fsck",
       .summary = "look for what is wrong with a journal",
       .options = sweep::fsck_options(o.repair),
       .arguments = {journal}},
      {.name = "agent",
       .summary = "run trials for an nn-sweep at the other end (internal)",
       .options = {},
       .arguments = {before}},
  };
}

void print(std::string_view text) {
  nn::write_all(STDOUT_FILENO, std::as_bytes(std::span(text)), "standard output");
}

void check_journal(const Options& o) {
  if (o.sweep.journal.empty()) nn::fail_usage("no journal is named: -j, --journal FILE");
}

void tell(const Options& o) {
  if (o.failed && o.pruned) nn::fail_usage("--failed and --pruned can't both be");
  const sweep::Told how = o.failed   ? sweep::Told::failed
                          : o.pruned ? sweep::Told::pruned
                                     : sweep::Told::complete;
  sweep::tell(o.sweep.journal, *o.trial, how, o.values);
}

int report(const Options& o) {
  if (o.values.size() != 1) nn::fail_usage("report needs one VALUE");
  return sweep::report(o.sweep.journal, *o.trial, o.step, o.values[0]) ? status_prune : 0;
}

// Commands that change a journal, and have an exit status of their own.
int change(std::string_view command, const Options& o) {
  check_journal(o);
  if (command == "ask") print(sweep::ask(o.sweep, o.ask));
  if (command == "tell") tell(o);
  if (command == "report") return report(o);
  if (command == "should-prune") return sweep::should_prune(o.sweep.journal, *o.trial) ? 0 : 1;
  if (command == "enqueue") print(fmt::format("{}\n", sweep::enqueue(o.sweep.journal, o.fixed)));
  if (command == "retry") {
    for (const std::uint32_t number : sweep::retry(o.sweep.journal, o.trials))
      print(fmt::format("{}\n", number));
  }
  return 0;
}

void plot(nn::study::Study& study, Options& o) {
  nn::refuse_overwriting({.read = {o.journal}, .written = {o.plot.output}});
  const chart::Format format = chart::format_of(o.plot, ::isatty(STDOUT_FILENO) != 0);
  o.plot.width = nn::cli::help_width();
  nn::write_file(o.plot.output, chart::plot(study, o.plot, format, [&](std::uint32_t number) {
                   return sweep::trial_command(study, number);
                 }));
}

void fsck(const Options& o) {
  const auto said = o.repair ? nn::study::repair_journal(o.journal) : nn::study::journal_faults(o.journal);
  for (const std::string& line : said) print(line + '\n');
  if (o.repair || said.empty()) return;
  throw nn::make_error(nn::ErrorKind::data, "it has faults, which are named above")
      .within_file(o.journal)
      .advise("; fsck --repair mends lines that are none");
}

void read(std::string_view command, Options& o) {
  if (command == "fsck") return fsck(o);
  nn::study::Study study = nn::study::Study::read(o.journal);
  for (const std::string& note : study.take_notes()) nn::warn("{}", note);
  if (command == "best") print(sweep::best_table(study, o.best));
  if (command == "trials") print(sweep::trials_table(study, o.format));
  if (command == "show")
    print(o.command ? sweep::trial_command(study, *o.trial) : sweep::trial_text(study, *o.trial));
  if (command == "explain") print(sweep::explanation(study, *o.trial));
  if (command == "lineage") print(sweep::lineage_table(study, *o.trial, o.format));
  if (command == "importance") print(sweep::importance_table(study, o.format));
  if (command == "plot") plot(study, o);
  if (command == "export") {
    nn::refuse_overwriting({.read = {o.journal}, .written = {o.output}});
    sweep::export_study(study, sweep::format_of(o.export_format, o.output), o.output);
  }
  if (command == "status") print(sweep::status_text(study, o.json));
}

int run(const nn::cli::Parsed& given, Options& o) {
  if (given.subcommand() == nullptr) {
    nn::fail_usage("what is to be done? Say run, ask, tell, best, trials, … (try 'nn-sweep --help')");
  }
  const std::string_view command = given.subcommand()->name;
  if (command == "agent") {
    sweep::run_agent(STDIN_FILENO, STDOUT_FILENO, o.before);
  } else if (command == "run") {
    sweep::sweep(o.sweep);
  } else if (command == "slots") {
    for (const sweep::SlotState& slot : sweep::ask_for_slots(o.journal, o.slots))
      print(fmt::format("{} {}\n", slot.slot, slot.state));
  } else if (command == "ask" || command == "tell" || command == "report" || command == "should-prune" ||
             command == "enqueue" || command == "retry") {
    return change(command, o);
  } else {
    read(command, o);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  int status = 0;
  const nn::cli::Command tool{
      .name = "nn-sweep",
      .summary = "search parameters of any command, over all devices",
      .options = {},
      .subcommands = commands(o),
      .example =
          "nn-sweep run -j s.jsonl --trials 30 --param lr=loguniform:1e-4:1e-1 --maximize val_accuracy -- "
          "nn-train train.arrows --valid 0.2 --lr {lr} --device {device} -o {dir}/m.nn"};
  const int failed =
      nn::cli::run_tool(argc, argv, tool, [&](const nn::cli::Parsed& given) { status = run(given, o); });
  return failed != 0 ? failed : status;
}
