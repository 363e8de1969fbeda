// The last words about a training.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "model/model.hpp"
#include "train/baseline.hpp"
#include "train/log.hpp"
#include "train/options.hpp"

namespace nn::train {

// What a member has of its own: "lr=0.003, seed=2".
std::string own_values_text(const TrainOptions& member);

// "m.nn: 60 epochs in 0:42, the best was epoch 47 (val_loss 0.12): loss 0.1, val_loss 0.13, val_accuracy 0.95
// (always setosa: 0.37)"; of several members with own_values_text() behind the name.
std::string summary_of(const TrainOptions& member, const MemberCourse& course, const model::Provenance& model,
                       const std::optional<Baseline>& baseline);

// The place of the member with the lowest score among those that have a model; nothing where none has.
std::optional<std::size_t> best_member(const RunFigures& run, const std::vector<model::Model>& models);

// Prints them as print_summary() does (base/log.hpp): a line for each model, of many only the best ones', and
// of several at last which one is the best.
void print_summaries(const std::vector<TrainOptions>& members, const RunFigures& run,
                     const std::vector<model::Model>& models, const TrainingData& data);

}  // namespace nn::train
