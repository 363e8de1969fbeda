// A range test for the learning rate.
#pragma once

#include <vector>

#include "model/model.hpp"
#include "train/dataset.hpp"
#include "train/options.hpp"

namespace nn::train {

struct RatePoint {
  double rate = 0;
  double loss = 0;  // smoothed
};

// Trains while the learning rate grows from 1e-7 to 10, a step each, over an epoch or at least
// 100 steps, and stops where the loss is four times its least (Smith 2017, section 3.3). Nothing
// is kept of the network. Usage error for several members.
std::vector<RatePoint> find_rate(const TrainOptions& options, const TrainingData& data,
                                 const model::Model& model);

// The rate where the loss falls fastest; 0 where it never falls.
double suggested_rate(const std::vector<RatePoint>& points);

}  // namespace nn::train
