// A training as pictures: losses by epoch, and the metric that fits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "chart/picture.hpp"

namespace nn::chart {

// By epoch from `first_epoch` on; NaN where there is no value, empty where nothing was validated.
struct TrainingCurve {
  std::uint64_t first_epoch = 1;
  std::vector<double> loss = {}, val_loss = {}, metric = {};
  std::uint64_t best_epoch = 0;  // 0: none
};

struct TrainingCurves {
  std::string title;        // the model's file
  std::string metric = {};  // "val_accuracy"; empty: none
  std::vector<TrainingCurve> members = {};
  std::size_t best = 0;        // of members, the one that is drawn on top
  std::string best_name = {};  // "member 3 (lr=0.001, seed=2)"; empty: there is one only
};

// Losses, by logarithms where they are over powers of ten, and beside them the metric; other members are thin
// lines below the best one's, whose best epoch is marked. The same bytes for the same curves.
std::string training_svg(const TrainingCurves& curves);

}  // namespace nn::chart
