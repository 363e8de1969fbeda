// The options of TrainOptions, each said once.
#include <fmt/format.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "options/fields.hpp"
#include "train/option_groups.hpp"

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

// "Of --layers: `relu` (the default), `linear`, … or `gelu_tanh`."
std::string_view text_of_activation() {
  static const std::string text = [] {
    const std::vector<std::string_view> names = enum_names(Activation{}).list();
    std::string list = "Of --layers: `relu` (the default)";
    for (const std::string_view name : names) {
      if (name != "relu") list += fmt::format("{}`{}`", name == names.back() ? " or " : ", ", name);
    }
    return list + ".";
  }();
  return text;
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

options::Field layers_field(std::vector<std::string>& patterns) {
  options::Field field = options::parsed(patterns, parse_layer_patterns);
  field.show = [&patterns] { return fmt::format("{}", fmt::join(patterns, ",")); };
  return field;
}

void add_start_options(options::Group& group, TrainOptions& o) {
  group.add(
      {.name = "from",
       .value = "MODEL",
       .help = "Begin with the weights of a model, and keep its network and preprocessing",
       .text =
           "Begin with the weights of *model* instead of random ones.\n"
           "Its network, its preprocessing and its classes are kept, and its loss unless --loss says another "
           "one: a table must have the columns that it learned from, and no other classes.\n"
           "With --net the network may be another one as long as weights of the same names have the same "
           "shapes: another dropout, another activation.\n"
           "The state of the optimizer begins anew, and the model remembers the digest of *model*.",
       .excludes = "layers"},
      options::file(o.from, options::model_files));
  group.add(
      {.name = "reset",
       .value = "LAYER[,LAYER...]",
       .help = "Layers of --from that begin anew: dense_2, 'dense_*'",
       .text =
           "Let these layers of --from begin with random weights, by names as `nn-model show` prints them "
           "(dense_2) or with * and ? in them ('dense_*').\n"
           "Where the last layer is one of them, what is learned may be another thing: target, classes "
           "and its width are those of the table.",
       .effect = Effect::model},
      layers_field(o.reset));
  group.add(
      {.name = "freeze",
       .value = "LAYER[,LAYER...]",
       .help = "Layers that don't train: conv2d_0, 'conv2d_*'",
       .text =
           "Leave the weights of these layers as they are, to the byte; names are as with --reset.\n"
           "A batch_norm that is frozen goes by its moving statistics, as in predictions, and these don't "
           "move, as Keras has it.\n"
           "What lies in front of the first layer that trains has no gradients computed.",
       .effect = Effect::model},
      layers_field(o.freeze));
}

void add_network_options(options::List& list, TrainOptions& o) {
  options::Group group(list, "Network", Effect::network);
  add_start_options(group, o);
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
             .text = text_of_activation()},
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
