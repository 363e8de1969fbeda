#include "train/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "base/parse.hpp"

namespace nn {

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

double default_learning_rate(OptimizerKind kind) { return kind <= OptimizerKind::nesterov ? 0.01 : 0.001; }

std::string resume_key(const TrainOptions& o) {
  std::string weights = o.class_weights.balanced ? "balanced" : "";
  for (const auto& [name, weight] : o.class_weights.named) weights += fmt::format("{}={},", name, weight);
  const Optimizer& p = o.optimizer;
  return fmt::format(
      "optimizer={} lr={} momentum={} rho={} beta-1={} beta-2={} epsilon={} weight-decay={} l2={} "
      "clip-norm={} "
      "batch={} seed={} standardize={} valid={}{} early-stopping={} loss={} class-weight={}",
      name_of(p.kind), o.learning_rate.value_or(default_learning_rate(p.kind)), p.momentum, p.rho, p.beta_1,
      p.beta_2, p.epsilon, p.weight_decay, o.l2, o.clip_norm, o.batch, o.seed, o.standardize,
      o.valid.fraction, o.valid.file, o.early_stopping, o.loss ? name_of(*o.loss) : "automatic", weights);
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
  constexpr std::array<std::string_view, 5> with_value = {"--checkpoint", "--checkpoint-every", "--log",
                                                          "--log-every", "--readers"};
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

}  // namespace nn
