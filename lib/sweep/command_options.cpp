#include "sweep/command_options.hpp"

#include <utility>

#include "options/fields.hpp"

namespace nn::sweep {
namespace {

options::List with(options::List list,
                   std::initializer_list<std::pair<options::Option, options::Field>> more) {
  options::Group group(list, "Output", options::Effect::output);
  for (const auto& [option, field] : more) group.add(option, field);
  return list;
}

std::pair<options::Option, options::Field> json_option(bool& json) {
  return {
      {.name = "json",
       .help = "As objects of JSON",
       .text = "With `run`, print an object of JSON for each trial as it ends; with `status`, print one."},
      options::flag(json)};
}

std::pair<options::Option, options::Field> command_option(bool& command) {
  return {{.name = "command",
           .help = "Command lines",
           .text = "With `best` and `show`, print commands that can be pasted into a shell."},
          options::flag(command)};
}

}  // namespace

options::List journal_options(std::string& journal) {
  options::List list;
  add_journal_option(list, journal);
  return list;
}

options::List run_options(SweepOptions& sweep) {
  return with(run_option_list(sweep), {json_option(sweep.json)});
}

options::List ask_options(SweepOptions& sweep, AskOptions& ask) {
  options::List list = option_list(sweep);
  return with(std::move(list),
              {{{.name = "format",
                 .value = "FORMAT",
                 .help = "sh, json, args or env (default: {default})",
                 .text = "With `ask`, how the trial is printed: for a shell's `eval`, as JSON, as options, "
                         "or as variables; "
                         "default {default}."},
                options::choice(ask.format)},
               {{.name = "ttl",
                 .value = "TIME",
                 .help = "It is lost when nothing was heard of it for so long (default: {default})",
                 .text = "With `ask`: the trial is lost, and may be given to others, when nothing was heard "
                         "of it for so long; "
                         "default {default}."},
                options::seconds(ask.ttl_s)},
               {{.name = "owner-pid",
                 .value = "PID",
                 .help = "It is lost when this process has ended: $$",
                 .text = "With `ask`: the trial is lost when this process of this host has ended."},
                options::count(ask.owner_pid, 1, INT32_MAX)}});
}

options::List tell_options(std::string& journal, bool& failed, bool& pruned) {
  return with(
      journal_options(journal),
      {{{.name = "failed", .help = "It has failed", .text = "With `tell`: the trial has failed."},
        options::flag(failed)},
       {{.name = "pruned", .help = "It was ended early", .text = "With `tell`: the trial was ended early."},
        options::flag(pruned)}});
}

options::List slots_options(SlotRequest& slots) {
  return with(
      {}, {{{.name = "add",
             .value = "DEVICE[*N]",
             .help = "Slots that it gets: cuda:1, h2/cuda:0*2 (repeatable)",
             .text = "With `slots`: the run gets these slots, of its own host or of one of --hosts; one that "
                     "was drained is used again.\nMay be given several times."},
            options::texts(slots.add)},
           {{.name = "drain",
             .value = "DEVICE",
             .help = "Slots that get no more trials (repeatable)",
             .text = "With `slots`: this slot, or all slots of this device, get no more trials; what runs "
                     "there may end.\nMay be given several times."},
            options::texts(slots.drain)},
           {{.name = "now",
             .help = "End what runs on drained slots",
             .text = "With `slots --drain`: trials there are ended, and begun again elsewhere."},
            options::flag(slots.now)}});
}

options::List table_options(TableFormat& format) {
  return with({}, {{{.name = "to",
                     .value = "FORMAT",
                     .help = "text, csv, json or jsonl (default: {default})",
                     .text = "How tables are printed: `text`, `csv`, `json` or `jsonl`; default {default}."},
                    options::choice(format)}});
}

options::List best_options(BestOptions& best) {
  return with(table_options(best.format),
              {{{.name = "top",
                 .value = "N",
                 .help = "So many (default: {default})",
                 .text = "With `best`, so many trials; default {default}."},
                options::count(best.top, 1, 1'000'000)},
               {{.name = "pareto",
                 .help = "All that no other is better than in everything",
                 .text = "With `best`, of several objectives, all trials that no other one is better than in "
                         "everything."},
                options::flag(best.pareto)},
               {{.name = "models",
                 .help = "As -m OPTIONS of nn-predict",
                 .text = "With `best`, print `-m` and the model of each trial, for nn-predict(1): what its "
                         "command has behind -o."},
                options::flag(best.models)},
               command_option(best.command)});
}

options::List show_options(bool& command) { return with({}, {command_option(command)}); }
options::List status_options(bool& json) { return with({}, {json_option(json)}); }

options::List export_options(std::optional<ExportFormat>& format, std::string& output) {
  return with(
      {}, {{{.name = "to",
             .value = "FORMAT",
             .help = "csv, json, jsonl, arrow or tensorboard (default: by the ending)",
             .text = "With `export`, what is written: a table as `csv`, `json` or `jsonl`, an Arrow stream "
                     "whose columns have types, `arrow`, or event files of `tensorboard`. By default the "
                     "file's ending says it, `.arrows`, `.json` or "
                     "`.jsonl`; all else is `csv`."},
            options::choice(format)},
           {{.name = "output",
             .letter = 'o',
             .value = "FILE|DIR",
             .help = "Where it goes (default: standard output)",
             .text = "With `export`, where it goes: a file, which appears complete or not at all, or for "
                     "`tensorboard` a folder, to which what is new is added.\nThe default is the standard "
                     "output."},
            options::file(output, "")}});
}

options::List fsck_options(bool& repair) {
  return with(
      {},
      {{{.name = "repair",
         .help = "Mend it; what it was stays as JOURNAL.bak",
         .text =
             "With `fsck`, take out lines that are none, so that Optuna reads the journal again.\nWhere one "
             "made a trial, a failed one takes its place: all others keep their numbers.\nWhat the "
             "journal was stays beside it, with `.bak` behind its name."},
        options::flag(repair)}});
}

}  // namespace nn::sweep
