// Values that lie on a grid: low, low + step, …, as decimal fractions, so that 0.1 + 0.2 is 0.3. For this
// module only.
#pragma once

#include "search/space.hpp"

namespace nn::search {

// The greatest low + k * step that is not over `high`; REQUIRES: step > 0, low <= high.
double grid_end(double low, double high, double step);
// The value of the grid that is nearest, within the ends; of a parameter without a grid the value itself.
double snapped(const Parameter& parameter, double value);
bool is_on_grid(const Parameter& parameter, double value);

}  // namespace nn::search
