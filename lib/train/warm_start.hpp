// A run that begins with the weights of a model, and layers that don't train. Internal to lib/train.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/model.hpp"
#include "nn/plan.hpp"
#include "train/options.hpp"
#include "train/rows.hpp"

namespace nn::train {

// The model that the run begins with; null: there is none. Errors as load_model() has them.
std::shared_ptr<const model::Model> load_start(const TrainOptions& options);

// The network of a run that begins with `start`, not resolved: that which was asked for, else the model's,
// whose last layer then has no number of units where it begins anew.
Network network_from(const TrainOptions& options, const model::Model& start);

// The dense layer that the outputs of a parsed network come from.
const Layer& last_dense(const Network& network);

// Whether the last layer of the run's network begins anew: then the target is learned from the rows.
bool has_new_target(const TrainOptions& options, const Network& network);

// Warns of texts of the rows that the model has no category for.
void tell_unknown_texts(const model::Model& start, const Rows& rows);

// The loss of the model where it fits a target, else nothing.
std::optional<LossChoice> loss_from(const model::Model& start, const model::Target& target);

// Usage error where the network needs weights that the model hasn't in their shape, and that don't begin
// anew. Warns of weights of the model that it has no use for.
void check_start(const TrainOptions& options, const Plan& plan, const model::Model& start);

// Puts the model's weights into the block of the plan's, but for layers that begin anew.
void copy_start(const TrainOptions& options, const Plan& plan, const model::Model& start,
                std::span<float> block);

// The layers that have one of these names, or match one with * and ? in it. Usage error for what fits none of
// them, which lists them.
std::vector<std::string> choose_layers(const std::vector<std::string>& layers,
                                       const std::vector<std::string>& patterns, std::string_view option);

// The plan to train by: layers that were said to are frozen. Usage error where nothing is left that trains.
Plan training_plan(const TrainOptions& options, const model::Model& model);

}  // namespace nn::train
