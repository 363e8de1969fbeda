// Points that fill a space more evenly than chance does. For this module only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "search/space.hpp"

namespace nn::search {

// Point `index` of the scrambled Sobol sequence of a seed, a dimension for each parameter that has more than
// one value; what isn't there is left out, and its dimension unused. The cost doesn't grow with the index.
// Usage errors for more dimensions than there are direction numbers (3,667).
Point sobol_point(const Space& space, std::uint64_t seed, std::uint64_t index);

// Numbers in (0, 1), one for each dimension: for whoever has a cube to fill. `dimensions` is at least 1.
std::vector<double> sobol_numbers(std::size_t dimensions, std::uint64_t seed, std::uint64_t index);

}  // namespace nn::search
