// What a step does with a gradient.
#include "options/fields.hpp"
#include "train/option_groups.hpp"

namespace nn::train {

using options::Effect;

namespace {

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

}  // namespace

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

}  // namespace nn::train
