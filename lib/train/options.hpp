// Everything that decides what nn-train makes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backend/backend.hpp"
#include "format/source.hpp"
#include "model/encoder.hpp"
#include "nn/initialise.hpp"
#include "nn/network.hpp"
#include "options/option.hpp"
#include "train/augment.hpp"
#include "train/schedule.hpp"

namespace nn::train {

// --class-weight: balanced, or weights by class name (1 for those not named).
struct ClassWeights {
  bool balanced = false;
  std::vector<std::pair<std::string, double>> named;
  bool empty() const { return !balanced && named.empty(); }
};
ClassWeights parse_class_weights(std::string_view text);  // "balanced" or "NAME=W,NAME=W"
std::string to_string(const ClassWeights& weights);

// --valid: a fraction of the rows, or a file.
struct Validation {
  double fraction = 0;  // 0 with a file or without validation
  std::string file;
  bool empty() const { return fraction == 0 && file.empty(); }
};
Validation parse_validation(std::string_view text);
std::string to_string(const Validation& valid);

// --checkpoint-every: a time, or a number of epochs ("5epochs").
struct CheckpointInterval {
  double seconds = 0;
  std::uint64_t epochs = 0;
};
CheckpointInterval parse_checkpoint_interval(std::string_view text);

// Several networks on one device in one run. Each list has one value for all, a value for each,
// or none.
struct Members {
  std::int64_t count = 0;      // 0: as many as the lists have values
  bool share_batches = false;  // all see the same rows in the same order
  std::vector<double> learning_rates, l2, label_smoothing, weight_decay;
  std::vector<std::uint64_t> seeds;  // of one, the others follow from it
};

// What members of a run don't have in common: values by the names of options. A seed is whole, and so apart.
using OwnValues = std::vector<std::pair<std::string, double>>;

struct TrainOptions {
  format::SourceOptions source;
  Validation valid;

  std::string from;                 // the model to begin with; empty: none
  std::vector<std::string> reset;   // names of its layers, or patterns, that begin anew
  std::vector<std::string> freeze;  // the same of layers that don't train

  std::string layers = "64";                 // --layers; ignored when net is given
  std::string net;                           // --net
  Activation activation = Activation::relu;  // of --layers
  double dropout = 0;                        // behind each layer of --layers
  std::optional<LossChoice> loss;            // none: chosen from the target
  bool standardize = false;                  // images, too; without it numbers only
  bool no_standardize = false;               // nothing at all
  KernelInitializer init = KernelInitializer::glorot_uniform;
  ClassWeights class_weights;

  backend::Optimizer optimizer;
  std::optional<double> learning_rate;  // none: default_learning_rate(optimizer)
  Schedule schedule;
  Warmup warmup;
  bool snapshots = false;  // a model for each cycle of the schedule as well
  double l2 = 0, clip_norm = 0, label_smoothing = 0, ema = 0;
  Augmentation augmentation;
  std::int64_t batch = 32;
  std::int64_t accumulate = 1;  // batches of one step
  std::uint64_t epochs = 20;
  double stop_after_s = 0;           // 0: no limit
  std::uint64_t early_stopping = 0;  // epochs without gain; 0: off
  std::uint64_t seed = 0;
  bool valid_stratify = false;   // the fraction of each class
  std::uint64_t valid_seed = 0;  // of the rows of a fraction: runs of any seed are judged on the same
  backend::Device device;
  backend::Precision precision = backend::Precision::float32;

  std::size_t folds = 0;         // of a cross-validation; 0: none
  std::string oof;               // where its answers go; empty: nowhere
  std::int64_t member = 0;       // its number, from 1, where there are several
  OwnValues own_values;          // of this member, besides its seed
  std::uint64_t order_seed = 0;  // of the order of rows, where members share batches
  Members members;

  std::string output;       // the model
  std::string log;          // JSON lines; empty: none
  std::string plot;         // the picture of all epochs, SVG; empty: none
  std::string tensorboard;  // the folder of event files; empty: none
  std::string metrics;      // the same lines of epochs for whoever started this process; empty: nobody
  int control = -1;         // the descriptor where they say what is to stop (train/control.hpp); -1: nobody
  std::uint64_t log_every = 0;  // steps; 0: epochs only
  std::string checkpoint;       // empty: output + ".ckpt", and only when stopped
  CheckpointInterval checkpoint_every;
  bool resume = false;
  bool require_checkpoint = false;  // to resume from: where there is none, nothing is done
  bool keep_checkpoint = false;     // also of a run that is finished
  bool allow_changes = false;       // when it goes on: what may_change() names may differ
  std::string command_line;         // for the model's provenance
};

// As Keras has them: 0.01 for sgd, momentum and nesterov, 0.001 for the others.
double default_learning_rate(backend::OptimizerKind kind);

// What --standardize and --no-standardize say.
model::Scaling scaling_of(const TrainOptions& options);

// All of them but those of the source, in the order of the manual.
options::List option_list(TrainOptions& options);

// One for each member: with its own seed (that of the list, or, of a single one, the first has that and the
// next one more), output, checkpoint and values, of which the lists are empty then. Usage error where lists
// and
// --members don't fit each other.
std::vector<TrainOptions> members_of(const TrainOptions& options);

// Warns of options that were given, as `given` says of their names, and have nothing to do with what others
// ask for.
void tell_idle_options(const TrainOptions& options, const std::function<bool(std::string_view)>& given);

// Checks what takes neither data nor a device; usage errors.
void check_options(const TrainOptions& options);
// Checks what depends on the device; usage errors.
void check_device_options(const TrainOptions& options);

// "conv2d_*,dense_0": names of layers, in which * and ? stand for anything and for one character.
std::vector<std::string> parse_layer_patterns(std::string_view text);

// The network as asked for, not resolved, where the run begins with no model. Usage errors as parse_network()
// has them.
Network network_of(const TrainOptions& options);

}  // namespace nn::train
