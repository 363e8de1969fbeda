// How a run goes on, what it logs and what it keeps.
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "options/fields.hpp"
#include "train/option_groups.hpp"

namespace nn::train {

using options::Effect;

namespace {

void add_step_options(options::Group& group, TrainOptions& o) {
  group.add({.name = "epochs",
             .value = "N",
             .help = "Passes over the rows (default: {default})",
             .text = "Passes over the rows, each in an order of its own; default {default}.",
             // With a schedule, the same epoch of a longer run is another one.
             .effect = depends_on_length(o.schedule) ? Effect::model : Effect::run},
            options::count(o.epochs, 1));
  group.add({.name = "batch",
             .value = "N",
             .help = "Rows of a step (default: {default})",
             .text = "Rows of a step; default {default}.\nThe last batch of an epoch may be smaller.",
             .effect = Effect::model},
            options::count(o.batch, 1));
  group.add({.name = "accumulate",
             .value = "N",
             .help = "Batches of a step (default: {default})",
             .text = "Take the gradient of a step over so many batches, as if they were one; default "
                     "{default}.",
             .effect = Effect::model},
            options::count(o.accumulate, 1));
  group.add(
      {.name = "members",
       .value = "K",
       .help = "Train so many networks at once, with seeds from --seed on",
       .text = "Train so many networks at once.\n"
               "The first has the seed of --seed, the next one more, or each its own of a list, and each is "
               "what a run of its own with that seed gives: on CPUs to the byte.\n"
               "The rows of --valid *fraction* are the same for all.\n"
               "They share out the cores of the device, a thread on each; a GPU computes all of them at "
               "once, also those that have stopped early, until the last one stops.\n"
               "A member whose loss is no number any more is reported and left out."},
      options::count(o.members.count, 1));
  group.add({.name = "share-batches",
             .help = "All members see the same rows in the same order",
             .text = "Let all members see the same rows in the same order.",
             .effect = Effect::model},
            options::flag(o.members.share_batches));
}

std::string parse_plot(std::string_view path) {
  if (!path.ends_with(".svg") && !is_written_in_place(std::string(path)))
    fail_usage("'{}' is no file for SVG: its name must end in .svg", printable(path));
  return std::string(path);
}

options::Field resume_field(TrainOptions& o) {
  return {.kind = options::Kind::choice,
          .choices = {"require"},
          .overrules = true,
          .optional_value = true,
          .apply = [&o](auto text) {
            if (text && *text != "require") fail_usage("'{}' is not 'require', or nothing", printable(*text));
            o.resume = true;
            o.require_checkpoint = text.has_value();
          }};
}

}  // namespace

void add_run_options(options::List& list, TrainOptions& o) {
  options::Group group(list, "Run", Effect::run);
  add_step_options(group, o);
  group.add(
      {.name = "stop-after",
       .value = "TIME",
       .help = "End after this time: 90s, 10m, 2h",
       .text = "End after this time, with a model: '90s', '10m', '1.5h'.\nTime before --resume counts."},
      options::seconds(o.stop_after_s));
  group.add({.name = "early-stopping",
             .value = "N",
             .help = "End after N epochs without gain; keep the best weights",
             .text = "End after *n* epochs without a lower validation loss (training loss without --valid); "
                     "the model gets the weights of the best epoch.",
             .effect = Effect::model},
            options::count(o.early_stopping, 1));
  group.add({.name = "seed",
             .value = "N[,N...]",
             .help = "Of everything random (default: {default})",
             .text = "Of initialisation, order, dropout and --augment; default {default}.\n"
                     "A list gives each member its own.",
             .effect = Effect::model},
            options::counts(
                o.members.seeds, [&o] { return std::to_string(o.seed); }, 0));
  group.add({.name = "device",
             .value = "DEVICE",
             .help = "cpu, cpu:0, cpu:0-3, cuda:0 (default: {default})",
             .text = "Where to compute: `cpu` (all cores, the default), `cpu:0`, `cpu:0-3` or `cuda:0`."},
            options::parsed(o.device, backend::parse_device, options::Kind::device));
  group.add(
      {.name = "precision",
       .value = "NAME",
       .help = "Of products, on CUDA devices: float32, tf32, bf16 (default: {default})",
       .text = "Of the products of matrices on CUDA devices: `float32` (the default), `tf32` or `bf16`, "
               "which keep 10 and 7 bits of the mantissa of what is multiplied; sums and weights are 32 "
               "bits in any case.",
       .effect = Effect::model},
      options::choice(o.precision));
}

void add_report_options(options::List& list, TrainOptions& o) {
  options::Group group(list, "Log and checkpoint", Effect::report);
  group.add(
      {.name = "log",
       .value = "FILE",
       .help = "A JSON object for each epoch, a line each",
       .text =
           "Write a JSON object a line after each epoch: step, epoch, member (of several), loss, "
           "val_loss, val_accuracy or val_rmse and val_mae, lr, rows_per_s, data_wait (the part of "
           "the time that went into waiting for rows), elapsed_s, and, of several members, options: what "
           "this "
           "one has of its own, by the names of options.\n"
           "With --resume lines are added to the file, first one that says where the run goes on, or that it "
           "begins anew since there is no checkpoint:\n\n"
           "    {\"begin\":\"resumed\",\"checkpoint\":\"m.nn.ckpt\",\"epochs\":3,\"steps\":186}\n"
           "    {\"begin\":\"anew\",\"checkpoint\":\"m.nn.ckpt\"}\n\n"
           "The last line says how the run ended:\n\n"
           "    "
           "{\"end\":\"finished\",\"epochs\":20,\"steps\":1240,\"best_epoch\":17,\"metrics\":{\"loss\":0.21,"
           "\"val_loss\":0.25,\"val_accuracy\":0.92}}\n"
           "    "
           "{\"end\":\"stopped\",\"signal\":\"TERM\",\"epochs\":3,\"steps\":200,\"checkpoint\":\"m.nn.ckpt\"}"
           "\n"
           "    {\"end\":\"failed\",\"kind\":\"device\",\"error\":\"cuda:0: …\",\"epochs\":3,\"steps\":186,"
           "\"checkpoint\":\"m.nn.ckpt\"}\n\n"
           "The epochs and steps are those done, of all runs that this one goes on from; the best epoch is "
           "that "
           "with the lowest val_loss, or loss; the metrics are the model's; the checkpoint is named where "
           "this run "
           "has saved one, and it is still there.\n"
           "The kind is `usage`, `data`, `io`, `unavailable` (worth retrying), `unsupported`, `device` (a "
           "device that failed) or `internal`; what to do about the error stands apart, as advice, where "
           "there is something.\n"
           "Of --folds it has their number, and the mean (metrics) and the standard deviation (std) of each "
           "validation figure over them.\n"
           "Of several members the line counts members and models and names the best one, best_member; "
           "before it "
           "each member has such a line of its own, with its number as member and its own options.\n"
           "A log without a last line is of a run that goes on or was killed."},
      options::file(o.log));
  group.add({.name = "log-every",
             .value = "N",
             .help = "Also every N steps",
             .text = "Also after every *n* steps."},
            options::count(o.log_every, 1));
  options::Field plot = options::parsed(o.plot, parse_plot, options::Kind::file);
  plot.endings = ".svg";
  group.add(
      {.name = "plot",
       .value = "FILE.svg",
       .help = "Draw losses and the metric by epoch",
       .text =
           "Draw loss and val_loss by epoch, and beside them val_accuracy or val_rmse, with the best epoch "
           "marked, as one file of SVG; a loss over several powers of ten is drawn by its logarithm.\n"
           "Of several members the best is on top, and the others are thin lines.\n"
           "The file is written at the end of the run, also of one that is stopped, and has the epochs of "
           "this run alone."},
      std::move(plot));
  group.add(
      {.name = "tensorboard",
       .value = "DIR",
       .help = "Write each epoch's figures for TensorBoard",
       .text = "Write event files below *dir*, which `tensorboard --logdir` shows live: after each epoch its "
               "losses, metrics, lr and rows_per_s, and with --log-every loss and lr of steps, in a folder "
               "`steps`.\n"
               "Each of several members has a folder of its own, `member-1` and so on; a resumed run adds a "
               "file.\n"
               "Numbers have 32 bits there."},
      options::folder(o.tensorboard));
  group.add({.name = "checkpoint",
             .value = "FILE",
             .help = "Where to save an unfinished run (default: OUTPUT.ckpt)",
             .text = "Where to keep the state of an unfinished run; by default the name of the model with "
                     ".ckpt added.\nIt is removed when the model has been written, where it is of this run "
                     "or the one that "
                     "it goes on from."},
            options::file(o.checkpoint, ".ckpt"));
  group.add({.name = "checkpoint-every",
             .value = "TIME|Nepochs",
             .help = "Save it regularly: 10m, 5epochs",
             .text = "Save the state regularly: '10m', '5epochs'.\nA signal saves it in any case."},
            options::parsed(o.checkpoint_every, parse_checkpoint_interval));
  group.add(
      {.name = "resume",
       .value = "require",
       .help = "Go on from the checkpoint, if there is one; =require: or do nothing",
       .text = "Go on from the checkpoint, or begin where there is none, which --log and --verbose tell; "
               "`--resume=require` refuses that.\n"
               "The result is that of a run left alone, to the byte; options and data that decide on it "
               "must be the same.\n"
               "Without a --schedule, --epochs isn't one of them: an unfinished run may go on for longer "
               "than it was meant to, and is then the run of so many epochs.\n"
               "With one, another number makes it another run, which is refused.\n"
               "A finished run has left no checkpoint, unless --keep-checkpoint is given, and is never "
               "continued.",
       .effect = Effect::local},
      resume_field(o));
  group.add(
      {.name = "keep-checkpoint",
       .help = "Leave the checkpoint of a finished run, for --resume with more --epochs",
       .text = "Leave the state of the finished run in the checkpoint: with --resume and more --epochs it "
               "goes on, and is then the run of so many epochs.\n"
               "With a --schedule it takes --allow-changes as well.",
       .effect = Effect::local},
      options::flag(o.keep_checkpoint));
  group.add(
      {.name = "allow-changes",
       .help = "With --resume, options win over what the checkpoint was made with",
       .text =
           "With --resume, go on with the values that are given now of what a run may change: --lr, "
           "--schedule, --warmup, --epochs, --momentum, --rho, --beta-1, --beta-2, --epsilon, "
           "--weight-decay, "
           "--l2, --label-smoothing, --clip-norm, --dropout, --freeze, --seed, and, of a checkpoint between "
           "two "
           "epochs, "
           "--batch and --accumulate.\n"
           "Rows, network, optimizer and all other options must be the same; else the exit status is 2.\n"
           "A schedule that depends on --epochs is that of the new number from here on: after the end of a "
           "`cosine` of 10 epochs the rate of one of 30 is high again.",
       .effect = Effect::local},
      options::flag(o.allow_changes));
}

}  // namespace nn::train
