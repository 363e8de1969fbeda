// The widths of a Parzen estimator's kernels. For this module only.
#pragma once

#include <vector>

#include "search/parzen.hpp"

namespace nn::search {

// One for each centre; the centres lie in [low, high]. What is equally far counts as in the order given.
// Linear in the number of centres.
std::vector<double> bandwidths_of(const std::vector<double>& centres, double low, double high,
                                  Bandwidths rule);

}  // namespace nn::search
