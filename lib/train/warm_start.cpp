#include "train/warm_start.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fnmatch.h>

#include <algorithm>
#include <map>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "model/unknown_texts.hpp"

namespace nn::train {
namespace {

bool matches(std::string_view layer, const std::string& pattern) {
  return ::fnmatch(pattern.c_str(), std::string(layer).c_str(), 0) == 0;
}

bool begins_anew(const TrainOptions& options, std::string_view layer) {
  return std::ranges::any_of(options.reset,
                             [&](const std::string& pattern) { return matches(layer, pattern); });
}

// Batches that were read already, as they are.
class BatchesAgain : public BatchSource {
 public:
  explicit BatchesAgain(const Rows& rows) : rows_(rows) {}
  const std::shared_ptr<const Schema>& schema() const override { return rows_.schema; }
  std::optional<Batch> next() override {
    if (at_ == rows_.batches.size()) return std::nullopt;
    return rows_.batches[at_++];
  }

 private:
  const Rows& rows_;
  std::size_t at_ = 0;
};

using Parameters = std::map<std::string_view, const Parameter*>;

Parameters parameters_by_name(const Plan& plan) {
  Parameters parameters;
  for (const Parameter& parameter : plan.parameters) parameters[parameter.name] = &parameter;
  return parameters;
}

}  // namespace

const Layer& last_dense(const Network& network) {
  return *std::find_if(network.layers.rbegin(), network.layers.rend(),
                       [](const Layer& layer) { return layer.kind == LayerKind::dense; });
}

std::shared_ptr<const model::Model> load_start(const TrainOptions& options) {
  if (options.from.empty()) return nullptr;
  return std::make_shared<const model::Model>(model::load_model(options.from));
}

Network network_from(const TrainOptions& options, const model::Model& start) {
  if (!options.net.empty()) return parse_network(options.net);
  Network network = parse_network(to_string(start.network));
  const Layer& last = last_dense(network);
  if (begins_anew(options, last.name)) const_cast<Layer&>(last).units = 0;
  return network;
}

bool has_new_target(const TrainOptions& options, const Network& network) {
  return begins_anew(options, last_dense(network).name);
}

void tell_unknown_texts(const model::Model& start, const Rows& rows) {
  const auto source =
      model::with_unknown_texts_told(std::make_unique<BatchesAgain>(rows), start.encoder.columns());
  while (source->next()) {
  }
}

std::optional<LossChoice> loss_from(const model::Model& start, const model::Target& target) {
  const bool classes = target.kind == model::Target::Kind::classes;
  if (is_classification(start.loss) != classes) return std::nullopt;
  if (start.loss == Loss::binary_crossentropy && target.classes.size() != 2) return std::nullopt;
  if (start.target.answers.kind != model::Answers::Kind::values && target.width() != 1) return std::nullopt;
  return LossChoice{start.loss, start.target.answers.quantiles};
}

void check_start(const TrainOptions& options, const Plan& plan, const model::Model& start) {
  const Plan theirs = lower(start.network, start.loss);
  const Parameters there = parameters_by_name(theirs);
  const auto fail = [&](std::string_view layer, const std::string& what) {
    throw make_error(ErrorKind::usage, "layer {}: {}", layer, what)
        .advise("; --reset {} begins it anew", layer);
  };
  for (const Parameter& parameter : plan.parameters) {
    const std::string_view layer = layer_of(parameter);
    if (begins_anew(options, layer)) continue;
    const auto found = there.find(parameter.name);
    if (found == there.end())
      fail(layer, fmt::format("the model has no {}; it is '{}'", parameter.name, to_string(start.network)));
    if (found->second->shape != parameter.shape) {
      fail(layer, fmt::format("{} is {} in the model and {} here", parameter.name,
                              nn::to_string(found->second->shape), nn::to_string(parameter.shape)));
    }
  }
  const Parameters here = parameters_by_name(plan);
  for (const Parameter& parameter : theirs.parameters) {
    if (!here.contains(parameter.name))
      warn("{}: {} of the model is no weight of the network and is left out", printable(options.from, 4096),
           parameter.name);
  }
  if (!options.reset.empty()) choose_layers(layers_with_parameters(plan), options.reset, "--reset");
}

void copy_start(const TrainOptions& options, const Plan& plan, const model::Model& start,
                std::span<float> block) {
  const Plan theirs = lower(start.network, start.loss);
  const Parameters there = parameters_by_name(theirs);
  for (const Parameter& parameter : plan.parameters) {
    if (begins_anew(options, layer_of(parameter))) continue;
    std::copy_n(start.parameters.get() + there.at(parameter.name)->offset, parameter.size(),
                block.data() + parameter.offset);
  }
}

std::vector<std::string> choose_layers(const std::vector<std::string>& layers,
                                       const std::vector<std::string>& patterns, std::string_view option) {
  for (const std::string& pattern : patterns) {
    if (std::ranges::any_of(layers, [&](const std::string& layer) { return matches(layer, pattern); }))
      continue;
    fail_usage("{}: no layer with weights is called '{}'; there are {}", option, printable(pattern),
               fmt::join(layers, ", "));
  }
  std::vector<std::string> chosen;
  std::ranges::copy_if(layers, std::back_inserter(chosen), [&](const std::string& layer) {
    return std::ranges::any_of(patterns, [&](const std::string& pattern) { return matches(layer, pattern); });
  });
  return chosen;
}

Plan training_plan(const TrainOptions& options, const model::Model& model) {
  Plan plan = lower(model.network, model.loss, model.target.answers.quantiles);
  if (options.freeze.empty()) return plan;
  const std::vector<std::string> layers = layers_with_parameters(plan);
  const std::vector<std::string> frozen = choose_layers(layers, options.freeze, "--freeze");
  for (const std::string& layer : frozen) {
    if (begins_anew(options, layer))
      fail_usage("layer {} begins anew by --reset, and --freeze would leave it so; one of them is meant",
                 layer);
  }
  if (frozen.size() == layers.size())
    fail_usage("--freeze leaves no layer to train: all of {} are frozen", fmt::join(layers, ", "));
  freeze(plan, frozen);
  return plan;
}

}  // namespace nn::train
