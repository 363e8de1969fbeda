// Values of parameters by chance: uniform, uniform in the logarithm, or normal. For this module only.
#pragma once

#include "base/random.hpp"
#include "search/space.hpp"

namespace nn::search {

// The value with a part u, in [0, 1), of the parameter's distribution below it. Each value of a grid has the
// same part, the ends too; of an intlog a whole number has all that is rounded to it.
double value_at(const Parameter& parameter, double u);

// A value for all that is there. Nothing is taken out for being forbidden.
Point random_point(const Space& space, RandomStream& random);

}  // namespace nn::search
