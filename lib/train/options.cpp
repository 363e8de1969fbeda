#include "train/options.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/numbered_path.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"

namespace nn::train {

ClassWeights parse_class_weights(std::string_view text) {
  ClassWeights weights;
  if (text == "balanced") {
    weights.balanced = true;
    return weights;
  }
  for (const std::string& part : split(text, ',')) {
    const auto equals = part.rfind('=');
    if (equals == std::string::npos || equals == 0) {
      fail_usage("'{}' is not a class weight; write balanced, or NAME=WEIGHT,…", printable(part));
    }
    const double weight = parse_number_in(std::string_view(part).substr(equals + 1), interval::not_negative);
    weights.named.emplace_back(part.substr(0, equals), weight);
  }
  return weights;
}

std::string to_string(const ClassWeights& weights) {
  if (weights.balanced) return "balanced";
  std::string text;
  for (const auto& [name, weight] : weights.named) {
    text += fmt::format("{}{}={}", text.empty() ? "" : ",", name, weight);
  }
  return text;
}

std::string to_string(const Validation& valid) {
  if (!valid.file.empty()) return valid.file;
  return valid.fraction > 0 ? fmt::format("{}", valid.fraction) : std::string();
}

Validation parse_validation(std::string_view text) {
  Validation valid;
  const bool number = !text.empty() && text.find_first_not_of("-+.0123456789e") == std::string_view::npos;
  if (!number) {
    valid.file = text;
    return valid;
  }
  valid.fraction = parse_number_in(text, interval::between_0_and_1);
  return valid;
}

CheckpointInterval parse_checkpoint_interval(std::string_view text) {
  CheckpointInterval interval;
  constexpr std::string_view unit = "epochs";
  if (text.ends_with(unit)) {
    const std::int64_t epochs = parse_count(text.substr(0, text.size() - unit.size()), 1);
    interval.epochs = static_cast<std::uint64_t>(epochs);
  } else {
    interval.seconds = parse_duration_s(text);
  }
  return interval;
}

std::vector<std::string> parse_layer_patterns(std::string_view text) {
  std::vector<std::string> patterns;
  for (const std::string& word : split(text, ',')) {
    const std::string_view pattern = trim(word);
    if (pattern.empty())
      fail_usage("'{}' names a layer that is empty; write dense_0,conv2d_*", printable(text));
    patterns.emplace_back(pattern);
  }
  return patterns;
}

double default_learning_rate(backend::OptimizerKind kind) {
  return kind <= backend::OptimizerKind::nesterov ? 0.01 : 0.001;
}

model::Scaling scaling_of(const TrainOptions& options) {
  if (options.no_standardize) return model::Scaling::none;
  return options.standardize ? model::Scaling::all : model::Scaling::numbers;
}

namespace {

// A list of values for the members, and where a member has its own.
struct MemberValues {
  std::string_view name;
  std::vector<double> Members::*list;
  void (*set)(TrainOptions&, double);
};
constexpr MemberValues member_values[] = {
    {"lr", &Members::learning_rates, [](TrainOptions& o, double value) { o.learning_rate = value; }},
    {"l2", &Members::l2, [](TrainOptions& o, double value) { o.l2 = value; }},
    {"label-smoothing", &Members::label_smoothing,
     [](TrainOptions& o, double value) { o.label_smoothing = value; }},
    {"weight-decay", &Members::weight_decay,
     [](TrainOptions& o, double value) { o.optimizer.weight_decay = value; }}};

std::size_t count_members(const Members& members) {
  std::size_t count = static_cast<std::size_t>(std::max<std::int64_t>(members.count, 1));
  std::vector<std::size_t> sizes{members.seeds.size()};
  for (const MemberValues& values : member_values) sizes.push_back((members.*values.list).size());
  if (members.count == 0) count = std::max(count, *std::max_element(sizes.begin(), sizes.end()));
  for (const std::size_t size : sizes) {
    if (size > 1 && size != count) {
      fail_usage("a list of {} values for {} members; give one value, or one for each", size, count);
    }
  }
  return count;
}

}  // namespace

std::vector<TrainOptions> members_of(const TrainOptions& options) {
  const std::size_t count = count_members(options.members);
  if (count > 1 && options.output == "-") {
    fail_usage("several models can't go to standard output; name a file with -o");
  }
  std::vector<TrainOptions> members;
  const std::vector<std::uint64_t>& seeds = options.members.seeds;
  const std::uint64_t first_seed = seeds.empty() ? options.seed : seeds[0];
  for (std::size_t k = 0; k < count; ++k) {
    TrainOptions one = options;
    for (const MemberValues& values : member_values) {
      std::vector<double>& list = one.members.*values.list;
      if (!list.empty()) values.set(one, list[list.size() > 1 ? k : 0]);
      if (list.size() > 1) one.own_values.emplace_back(values.name, list[k]);
      list.clear();
    }
    one.members.seeds.clear();
    one.seed = seeds.size() > 1 ? seeds[k] : first_seed + k;
    one.order_seed = first_seed;
    if (count > 1) {
      const std::string number = std::to_string(k + 1);
      one.member = static_cast<std::int64_t>(k + 1);
      one.output = numbered_path(options.output, number);
      if (!options.checkpoint.empty()) one.checkpoint = numbered_path(options.checkpoint, number);
    }
    members.push_back(std::move(one));
  }
  return members;
}

void check_options(const TrainOptions& options) {
  if (options.valid_stratify && options.valid.fraction == 0)
    fail_usage("--valid-stratify goes with a fraction of the rows: --valid FRACTION");
  if (options.folds > 0 && !options.valid.empty())
    fail_usage(
        "--folds validates each network on the rows of its fold, and --valid on others; leave one out");
  if (!options.oof.empty() && options.folds == 0) fail_usage("--oof is for the answers of --folds K");
  const std::vector<std::string>& inputs = options.source.inputs;
  if (options.from == "-" && (inputs.empty() || std::ranges::count(inputs, "-") > 0))
    fail_usage("--from - and the rows can't both come from standard input; name a file for one of them");
  const auto cycles = static_cast<std::uint64_t>(options.schedule.cycles);
  const std::uint64_t warm = options.warmup.epochs;
  if (warm >= options.epochs)
    fail_usage("--warmup {} leaves nothing of --epochs {}", to_string(options.warmup), options.epochs);
  if ((options.epochs - warm) % cycles != 0) {
    fail_usage("--epochs {}{} can't be cut into {} cycles of equal length", options.epochs,
               warm > 0 ? fmt::format(" less --warmup {}", to_string(options.warmup)) : "", cycles);
  }
  if (options.snapshots && options.warmup.steps > 0)
    fail_usage(
        "--snapshots takes a --warmup of epochs, so that cycles end where epochs do: --warmup Nepochs");
  if (options.snapshots && options.schedule.kind != Schedule::Kind::cosine_restarts)
    fail_usage("--snapshots needs cycles: --schedule cosine_restarts:cycles=N");
  if (options.snapshots && options.output == "-")
    fail_usage("several models can't go to standard output; name a file with -o");
}

void tell_idle_options(const TrainOptions& o, const std::function<bool(std::string_view)>& given) {
  using Kind = backend::OptimizerKind;
  const Kind kind = o.optimizer.kind;
  const bool adams = kind == Kind::adam || kind == Kind::adamw;
  const bool momentum = kind == Kind::momentum || kind == Kind::nesterov;
  constexpr std::string_view kept = "what the model of --from learned about its table is kept";
  const struct {
    std::string_view option;
    bool counts;
    std::string_view because;
  } table[] = {{"momentum", momentum, "--optimizer momentum and nesterov have one"},
               {"rho", kind == Kind::rmsprop, "--optimizer rmsprop has one"},
               {"beta-1", adams, "--optimizer adam and adamw have one"},
               {"beta-2", adams, "--optimizer adam and adamw have one"},
               {"epsilon", adams || kind == Kind::rmsprop, "--optimizer adam, adamw and rmsprop have one"},
               {"weight-decay", kind == Kind::adamw, "--optimizer adamw has one (--l2 is for all)"},
               {"standardize", o.from.empty(), kept},
               {"no-standardize", o.from.empty(), kept},
               {"activation", o.from.empty(), "the network is that of --from"},
               {"dropout", o.from.empty(), "the network is that of --from"},
               {"init", o.from.empty() || !o.reset.empty(), "all weights are those of --from"},
               {"reset", !o.from.empty(), "without --from all layers begin anew"},
               {"activation", o.net.empty(), "--net says the activation of each layer"},
               {"dropout", o.net.empty(), "--net has layers for it: 'dropout 0.5'"},
               {"share-batches", members_of(o).size() > 1, "there is one network"},
               {"valid-seed", o.valid.fraction > 0 || o.folds > 0, "no fraction of the rows is split off"},
               {"allow-changes", o.resume, "--resume goes on from a checkpoint"}};
  for (const auto& [option, counts, because] : table) {
    if (!counts && given(option)) warn("--{} changes nothing: {}", option, because);
  }
  if (o.from.empty() && !o.freeze.empty())
    warn("--freeze without --from: the frozen layers keep what they begin with, which is random");
  if (!o.loss || o.loss->quantiles.empty()) return;
  const std::size_t point = model::Answers{model::Answers::Kind::quantiles, o.loss->quantiles}.point();
  if (const double quantile = o.loss->quantiles[point]; quantile != 0.5)
    warn("0.5 is none of the quantiles: figures of one number, as rmse, are of quantile {}", quantile);
}

void check_device_options(const TrainOptions& options) {
  if (options.precision != backend::Precision::float32 && options.device.kind != backend::Device::Kind::cuda)
    fail_usage("--precision {} is for training on CUDA devices", backend::name_of(options.precision));
}

Network network_of(const TrainOptions& options) {
  if (!options.net.empty()) return parse_network(options.net);
  if (options.dropout == 0) return network_from_widths(options.layers, options.activation);
  std::string text;
  for (const std::string& width : split(options.layers, ',')) {
    text +=
        fmt::format("dense {} {}, dropout {}, ", trim(width), name_of(options.activation), options.dropout);
  }
  return parse_network(text + "dense");
}

}  // namespace nn::train
