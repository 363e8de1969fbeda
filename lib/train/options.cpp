#include "train/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "base/parse.hpp"

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
    const double weight = parse_number(std::string_view(part).substr(equals + 1));
    if (!(weight >= 0)) fail_usage("'{}': a weight is 0 or more", printable(part));
    weights.named.emplace_back(part.substr(0, equals), weight);
  }
  return weights;
}

Validation parse_validation(std::string_view text) {
  Validation valid;
  const bool number = !text.empty() && text.find_first_not_of("-+.0123456789e") == std::string_view::npos;
  if (!number) {
    valid.file = text;
    return valid;
  }
  valid.fraction = parse_number(text);
  if (!(valid.fraction > 0 && valid.fraction < 1)) {
    fail_usage("'{}': a fraction for validation is over 0 and below 1", printable(text));
  }
  return valid;
}

CheckpointInterval parse_checkpoint_interval(std::string_view text) {
  CheckpointInterval interval;
  constexpr std::string_view unit = "epochs";
  if (text.ends_with(unit)) {
    const std::int64_t epochs = parse_integer(text.substr(0, text.size() - unit.size()));
    if (epochs < 1) fail_usage("'{}': at least 1 epoch", printable(text));
    interval.epochs = static_cast<std::uint64_t>(epochs);
  } else {
    interval.seconds = parse_duration_s(text);
  }
  return interval;
}

double default_learning_rate(backend::OptimizerKind kind) {
  return kind <= backend::OptimizerKind::nesterov ? 0.01 : 0.001;
}

std::string numbered_path(const std::string& path, std::string_view number) {
  const auto slash = path.rfind('/');
  const auto dot = path.rfind('.');
  const bool extension =
      dot != std::string::npos && dot > 0 && (slash == std::string::npos || dot > slash + 1);
  const auto at = extension ? dot : path.size();
  return fmt::format("{}-{}{}", path.substr(0, at), number, path.substr(at));
}

std::vector<TrainOptions> members_of(const TrainOptions& options) {
  const Members& m = options.members;
  std::size_t count = static_cast<std::size_t>(std::max<std::int64_t>(m.count, 1));
  const std::array lists = {&m.learning_rates, &m.l2, &m.label_smoothing, &m.weight_decay};
  for (const auto* list : lists) {
    if (m.count == 0) count = std::max(count, list->size());
  }
  for (const auto* list : lists) {
    if (list->size() > 1 && list->size() != count) {
      fail_usage("a list of {} values for {} members; give one value, or one for each", list->size(), count);
    }
  }
  if (count == 1) return {options};
  if (options.output == "-") fail_usage("several models can't go to standard output; name a file with -o");
  std::vector<TrainOptions> members;
  for (std::size_t k = 0; k < count; ++k) {
    TrainOptions one = options;
    const std::string number = std::to_string(k + 1);
    one.member = static_cast<std::int64_t>(k + 1);
    one.seed = options.seed + k;
    one.output = numbered_path(options.output, number);
    if (!options.checkpoint.empty()) one.checkpoint = numbered_path(options.checkpoint, number);
    if (m.learning_rates.size() > 1) one.learning_rate = m.learning_rates[k];
    if (m.l2.size() > 1) one.l2 = m.l2[k];
    if (m.label_smoothing.size() > 1) one.label_smoothing = m.label_smoothing[k];
    if (m.weight_decay.size() > 1) one.optimizer.weight_decay = m.weight_decay[k];
    members.push_back(std::move(one));
  }
  return members;
}

void check_options(const TrainOptions& options) {
  const auto cycles = static_cast<std::uint64_t>(options.schedule.cycles);
  if (options.epochs % cycles != 0)
    fail_usage("--epochs {} can't be cut into {} cycles of equal length", options.epochs, cycles);
  if (options.snapshots && options.schedule.kind != Schedule::Kind::cosine_restarts)
    fail_usage("--snapshots needs cycles: --schedule cosine_restarts:cycles=N");
  if (options.snapshots && options.output == "-")
    fail_usage("several models can't go to standard output; name a file with -o");
  if (options.precision != backend::Precision::float32 && options.device.kind != backend::Device::Kind::cuda)
    fail_usage("--precision {} is for training on CUDA devices", backend::name_of(options.precision));
}

std::string resume_key(const TrainOptions& o) {
  std::string weights = o.class_weights.balanced ? "balanced" : "";
  for (const auto& [name, weight] : o.class_weights.named) weights += fmt::format("{}={},", name, weight);
  const backend::Optimizer& p = o.optimizer;
  return fmt::format(
      "optimizer={} lr={} momentum={} rho={} beta-1={} beta-2={} epsilon={} weight-decay={} l2={} "
      "clip-norm={} "
      "batch={} seed={} standardize={} valid={}{} early-stopping={} loss={} class-weight={} "
      "accumulate={} label-smoothing={} ema={} augment=[{}] schedule={} warmup={}+{}{}{}{}",
      backend::name_of(p.kind), o.learning_rate.value_or(default_learning_rate(p.kind)), p.momentum, p.rho,
      p.beta_1, p.beta_2, p.epsilon, p.weight_decay, o.l2, o.clip_norm, o.batch, o.seed, o.standardize,
      o.valid.fraction, o.valid.file, o.early_stopping, o.loss ? name_of(*o.loss) : "automatic", weights,
      o.accumulate, o.label_smoothing, o.ema, to_string(o.augmentation), to_string(o.schedule),
      o.warmup.steps, o.warmup.epochs,
      // With a schedule, the same epoch of a longer run is another one.
      o.schedule.kind == Schedule::Kind::constant ? "" : fmt::format(" epochs={}", o.epochs),
      o.members.share_batches ? " share-batches" : "",
      o.precision == backend::Precision::float32
          ? ""
          : fmt::format(" precision={}", backend::name_of(o.precision)));
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

std::string lasting_command_line(const std::string& quoted) {
  constexpr std::array<std::string_view, 5> flags = {"--resume", "-q", "--quiet", "-v", "--verbose"};
  constexpr std::array<std::string_view, 11> with_value = {
      "--checkpoint", "--checkpoint-every", "--log",      "--log-every", "--readers", "--at",
      "--token-file", "--connect-timeout",  "--tls-cert", "--tls-key",   "--tls-ca"};
  std::string kept;
  bool skip_next = false;
  // Words are separated by spaces outside of single quotes.
  for (std::size_t at = 0; at < quoted.size();) {
    std::size_t end = at;
    for (bool inside = false; end < quoted.size() && (inside || quoted[end] != ' '); ++end) {
      if (quoted[end] == '\'') inside = !inside;
    }
    const std::string_view word = std::string_view(quoted).substr(at, end - at);
    at = end + 1;
    if (std::exchange(skip_next, false)) continue;
    const std::string_view name = word.substr(0, word.find('='));
    if (std::find(flags.begin(), flags.end(), word) != flags.end()) continue;
    if (std::find(with_value.begin(), with_value.end(), name) != with_value.end()) {
      skip_next = name == word;
      continue;
    }
    if (!kept.empty()) kept += ' ';
    kept += word;
  }
  return kept;
}

}  // namespace nn::train
