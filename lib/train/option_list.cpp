// The options of TrainOptions, each said once.
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "options/fields.hpp"
#include "train/options.hpp"

namespace nn::train {

using options::Effect;

namespace {

std::string parse_layers(std::string_view text) {
  network_from_widths(text, Activation::relu);
  return std::string(text);
}

std::string parse_net(std::string_view text) {
  parse_network(text);
  return std::string(text);
}

void add_output_options(options::List& list, TrainOptions& o) {
  options::Group group(list, "Output", Effect::output);
  group.add({.name = "output",
             .letter = 'o',
             .value = "FILE",
             .help = "The model; member K of several goes to NAME-K.nn",
             .text = "Where to write the model, all or nothing.\nRequired, but for --lr-find.\n"
                     "Of several members, number k gets 'NAME-k.nn'."},
            options::file(o.output, options::model_files));
  group.add({.name = "snapshots",
             .help = "A model for each cycle of cosine_restarts: NAME-cycle1.nn …",
             .text = "Write the network of each cycle of --schedule `cosine_restarts` as well, to "
                     "'NAME-cycle1.nn' and so on: together they are an ensemble that costs one run."},
            options::flag(o.snapshots));
}

void add_data_options(options::List& list, TrainOptions& o) {
  options::Group group(list, "Data", Effect::model);
  options::Field valid = options::parsed(o.valid, parse_validation, options::Kind::file);
  valid.endings = options::data_files;
  valid.or_word = true;
  group.add(
      {.name = "valid",
       .value = "FRACTION|FILE",
       .help = "Rows to validate on: a fraction, or a file",
       .text = "Validate after each epoch: on this fraction of the rows, chosen by --valid-seed and not "
               "trained on, or on the rows of *file*, read with the same options."},
      std::move(valid));
  group.add({.name = "valid-stratify",
             .help = "Take the --valid fraction of each class",
             .text = "Take the --valid *fraction* of each class, to within one row, not of all rows alike."},
            options::flag(o.valid_stratify));
  group.add({.name = "valid-seed",
             .value = "N",
             .help = "Of the rows of a --valid fraction (default: {default})",
             .text = "Which rows a --valid *fraction* takes; default {default}.\n"
                     "It is not --seed, so that runs of different seeds are judged on the same rows."},
            options::count(o.valid_seed, 0));
  group.add(
      {.name = "standardize",
       .help = "Images to mean 0 and variance 1 as well",
       .text = "Columns of numbers, vectors of floats and a target of numbers are scaled to mean 0 and "
               "variance 1 over the training rows in any case, unless --no-standardize is given.\n"
               "This scales tensors of bytes and of more dimensions, too, each element by itself; else "
               "bytes are divided by 255, and images of floats taken as they are.\n"
               "A target is not scaled where the network ends with an activation, which is then over its "
               "own units.\n"
               "Metrics and predictions stay in the units of the data."},
      options::flag(o.standardize));
  group.add(
      {.name = "no-standardize",
       .help = "Take columns of numbers as they are",
       .text =
           "Take columns of numbers, vectors and the target as they are, but for bytes, which are divided "
           "by 255.",
       .excludes = "standardize"},
      options::flag(o.no_standardize));
  group.add(
      {.name = "folds",
       .value = "K",
       .help = "Cross-validation: K models, each validated on its part of the rows",
       .text =
           "Cross-validate: cut the rows into so many folds, chosen by --valid-seed, with each class alike, "
           "and train a network on all but each, which it is validated on.\n"
           "Number k goes to 'NAME-k.nn'; together they are an ensemble.\n"
           "They are trained one after the other with the same seed, the last line says the mean and the "
           "standard deviation of their figures.\n"
           "A run that was stopped goes on with --resume in the fold that it was in; those before are "
           "trained anew.\n"
           "With --early-stopping the fold chooses the epoch as well, which flatters its figures a little."},
      options::count(o.folds, 2, 1000));
  group.add(
      {.name = "oof",
       .value = "FILE",
       .help = "The answers of --folds, each row's by the model that hasn't seen it",
       .text =
           "Write the out-of-fold answers of --folds: for each row, in their order, what the model answers "
           "that hasn't seen it, as nn-predict would.\n"
           "nn-eval evaluates them, and a network that is trained on them stacks.",
       .effect = Effect::output},
      options::file(o.oof, options::stream_files));
  group.add({.name = "class-weight",
             .value = "NAME=W[,...]",
             .help = "balanced, or weights by class",
             .text = "Weigh the rows of a class; `balanced` gives each class the same weight in all.\n"
                     "Weights are taken relative to their mean over the training rows, times those of "
                     "--sample-weight."},
            options::parsed(o.class_weights, parse_class_weights, options::Kind::text, {"balanced"}));
  group.add(
      {.name = "augment",
       .value = "LIST",
       .help = "Change images at random: 'shift 2, flip, crop 4'",
       .text = "Change each image anew in each epoch: any of `shift` *n* (by up to *n* pixels, zeros come "
               "in), `crop` *n* (a part up to *n* pixels smaller, enlarged to the whole) and `flip` "
               "(left and right, every second time), separated by commas."},
      options::parsed(o.augmentation, parse_augmentation, options::Kind::text, {"shift", "flip", "crop"}));
}

void add_network_options(options::List& list, TrainOptions& o) {
  options::Group group(list, "Network", Effect::network);
  group.add({.name = "layers",
             .value = "N[,N...]",
             .help = "Widths of dense layers (default: {default})",
             .text = "Dense layers of these widths, then the output layer, whose width follows from the "
                     "target.\nThe default is {default}.",
             .excludes = "net"},
            options::parsed(o.layers, parse_layers));
  group.add({.name = "net",
             .value = "LAYERS",
             .help = "Layers in full: 'dense 64 relu, dropout 0.5, dense'",
             .text = "The layers in full, separated by commas, instead of --layers: "
                     "'dense 64 relu, dropout 0.5, dense'.\nnn-tools(7) lists them.",
             .excludes = "layers"},
            options::parsed(o.net, parse_net));
  group.add({.name = "activation",
             .value = "NAME",
             .help = "Of --layers (default: {default})",
             .text = "Of --layers: `relu` (the default), `leaky_relu`, `elu`, `selu`, `gelu`, `tanh`, "
                     "`sigmoid`, `softplus` or `linear`."},
            options::choice(o.activation));
  group.add({.name = "dropout",
             .value = "RATE",
             .help = "Behind each layer of --layers",
             .text = "Put a dropout layer behind each of --layers."},
            options::number(o.dropout, interval::rate));
  group.add(
      {.name = "init",
       .value = "NAME",
       .help = "How kernels begin (default: {default})",
       .text = "How kernels begin: `glorot_uniform` (the default), `glorot_normal`, `he_uniform`, "
               "`he_normal`, `lecun_uniform` or `lecun_normal`, of variance 2/(i + o), 2/i and 1/i with i "
               "inputs and o outputs, as Keras names them; normal ones are not cut off.\n"
               "Biases begin with 0.\n"
               "For layers of selu `lecun_normal` is meant.",
       .effect = Effect::model},
      options::choice(o.init));
  group.add(
      {.name = "loss",
       .value = "NAME",
       .help = "Default: what fits the target",
       .text = "`categorical_crossentropy` (the default for three classes and more), "
               "`binary_crossentropy` (for two), `mse` (for numbers), `mae` or `huber` (delta 1).\n"
               "Two of them say how sure an answer is, for one number: `pinball:0.1,0.5,0.9` learns these "
               "quantiles, the mean over them of q max(y-a, 0) + (1-q) max(a-y, 0); `gaussian` learns a mean "
               "m and a variance v that may differ from row to row, ((y-m)^2 / v + log v) / 2 with v of at "
               "least a millionth of the target's.\n"
               "Answers then are `q0.1`, `q0.5` …, in ascending order, or `mean` and `std`; figures of one "
               "number (rmse) are of the quantile next to 0.5, the lower of two, or of the mean.",
       .effect = Effect::model},
      {.kind = options::Kind::text,
       .choices = enum_names(Loss{}).list(),
       .overrules = true,
       .apply = [&o](auto text) { o.loss = parse_loss_choice(*text); },
       .show = [&o] { return o.loss ? to_string(*o.loss) : std::string(); }});
}

void add_update_options(options::Group& group, TrainOptions& o) {
  backend::Optimizer& p = o.optimizer;
  group.add(
      {.name = "optimizer",
       .value = "NAME",
       .help = "sgd, momentum, nesterov, rmsprop, adam, adamw (default: {default})",
       .text = "- `sgd` :: w - lr g\n"
               "- `momentum` :: v = m v - lr g; w + v\n"
               "- `nesterov` :: v = m v - lr g; w + m v - lr g\n"
               "- `rmsprop` :: s = r s + (1-r) g^2; w - lr g / sqrt(s + e)\n"
               "- `adam` :: m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2; w - lr c m / (sqrt(v) + e) with "
               "c = sqrt(1 - b2^t) / (1 - b1^t); the default\n"
               "- `adamw` :: as adam, after w is scaled by 1 - lr times the weight decay, kernels only"},
      options::choice(p.kind));
  group.add(
      {.name = "lr",
       .value = "RATE[,RATE...]",
       .help = "Learning rate (default: 0.001; 0.01 for sgd, momentum, nesterov)",
       .text = "The learning rate.\nThe default is 0.01 for sgd, momentum and nesterov, and 0.001 for "
               "the others.\nA list gives each member its own, here and with --l2, --weight-decay, "
               "--label-smoothing and --seed."},
      options::numbers(
          o.members.learning_rates,
          [&o] {
            return options::show_number(o.learning_rate.value_or(default_learning_rate(o.optimizer.kind)));
          },
          interval::positive));
  group.add(
      {.name = "schedule",
       .value = "NAME[:KEY=VALUE,...]",
       .help = "constant, cosine, step:epochs=10, one_cycle, cosine_restarts:cycles=5, plateau",
       .text =
           "How the learning rate changes over the run:\n"
           "- `constant` :: the default\n"
           "- `step:epochs=`*10*`,factor=`*0.1* :: times `factor` after every so many epochs\n"
           "- `cosine:floor=`*0* :: along half a cosine down to this part of it\n"
           "- `one_cycle:rise=`*0.3* :: from a 25th up to it over this part of the run, then down to "
           "a 10,000th, both along a cosine\n"
           "- `cosine_restarts:cycles=`*1*`,floor=`*0* :: `cosine`, as often as there are cycles\n"
           "- `plateau:factor=`*0.1*`,patience=`*10*`,min_delta=`*0.0001*`,cooldown=`*0*`,floor=`*0* :: "
           "times "
           "`factor` after `patience` epochs whose validation loss (the loss without --valid) was not lower "
           "than the best by `min_delta`, then not for `cooldown` epochs, and never below this part of it"},
      options::parsed(o.schedule, parse_schedule, options::Kind::text, enum_names(o.schedule.kind).list()));
  group.add({.name = "warmup",
             .value = "N|Nepochs",
             .help = "The rate rises over N steps, or Nepochs",
             .text = "Let the rate rise from 0 over so many steps or epochs, and the schedule follow."},
            options::parsed(o.warmup, parse_warmup));
  group.add({.name = "momentum", .value = "M", .help = "Default: {default}"},
            options::number(p.momentum, interval::rate));
  group.add({.name = "rho", .value = "R", .help = "Of rmsprop (default: {default})"},
            options::number(p.rho, interval::rate));
  group.add({.name = "beta-1", .value = "B", .help = "Of adam and adamw (default: {default})"},
            options::number(p.beta_1, interval::rate));
  group.add({.name = "beta-2", .value = "B", .help = "Of adam and adamw (default: {default})"},
            options::number(p.beta_2, interval::rate));
  group.add({.name = "epsilon", .value = "E", .help = "Default: {default}"},
            options::number(p.epsilon, interval::positive));
}

void add_optimizer_options(options::List& list, TrainOptions& o) {
  options::Group group(list, "Optimizer", Effect::model);
  add_update_options(group, o);
  group.add({.name = "weight-decay", .value = "W[,...]", .help = "Of adamw (default: {default})"},
            options::numbers(
                o.members.weight_decay, [&o] { return options::show_number(o.optimizer.weight_decay); },
                interval::not_negative));
  group.add({.name = "l2",
             .value = "C[,...]",
             .help = "Adds C/2 times the kernels' squares to the loss (default: {default})",
             .text = "Add c/2 times the sum of the squared kernels to the loss; default {default}."},
            options::numbers(
                o.members.l2, [&o] { return options::show_number(o.l2); }, interval::not_negative));
  group.add({.name = "label-smoothing",
             .value = "S[,...]",
             .help = "This part of each label goes to all classes alike",
             .text = "Share this part of each label out to all classes alike, in training only."},
            options::numbers(
                o.members.label_smoothing, [&o] { return options::show_number(o.label_smoothing); },
                interval::rate));
  group.add({.name = "ema",
             .value = "DECAY",
             .help = "Keep a moving average of the weights, as 0.999",
             .text = "Validate, and make the model, with the moving average of the weights; 0.999 is usual.\n"
                     "Over the first steps t it decays faster, by (1 + t) / (10 + t)."},
            options::number(o.ema, interval::rate));
  group.add({.name = "clip-norm",
             .value = "N",
             .help = "Limit of the gradient's norm",
             .text = "Scale the gradient down where its norm is over *n*; off by default."},
            options::number(o.clip_norm, interval::positive));
}

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
           "--l2, --label-smoothing, --clip-norm, --dropout, --seed, and, of a checkpoint between two "
           "epochs, "
           "--batch and --accumulate.\n"
           "Rows, network, optimizer and all other options must be the same; else the exit status is 2.\n"
           "A schedule that depends on --epochs is that of the new number from here on: after the end of a "
           "`cosine` of 10 epochs the rate of one of 30 is high again.",
       .effect = Effect::local},
      options::flag(o.allow_changes));
}

}  // namespace

options::List option_list(TrainOptions& o) {
  options::List list;
  list.reserve(64);
  add_output_options(list, o);
  add_data_options(list, o);
  add_network_options(list, o);
  add_optimizer_options(list, o);
  add_run_options(list, o);
  add_report_options(list, o);
  return list;
}

}  // namespace nn::train
