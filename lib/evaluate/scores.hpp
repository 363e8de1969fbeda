// What one row's probabilities cost.
#pragma once

#include <cstdint>

namespace nn::evaluate {

// Definitions, with p the row's probabilities.
//   log_loss    -ln p of the class of y, where p counts as least_probability if it is less
//   brier       squared distance of p from the truth, summed over classes; of two classes half of that, which
//   is
//               the second's alone where both sum to 1 (Brier 1950 has twice that)
//   confidence  the largest p
//   in_top_k    the class of y is among the k most probable, of equal ones the lower index first
struct Score {
  double log_loss = 0, brier = 0, confidence = 0;
  bool in_top_k = false;
};

// scikit-learn's bound for probabilities in double: 2^-52.
inline constexpr double least_probability = 0x1p-52;

// p [classes]; `truth` is an index, one that is not below `classes` is of a class that has no probability:
// its p is 0, and its distance that of a class more. `top_k` 0: not asked for.
Score score_of(const double* p, std::int64_t classes, std::int32_t truth, std::int64_t top_k);

}  // namespace nn::evaluate
