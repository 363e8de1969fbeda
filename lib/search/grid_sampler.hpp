// All points of a space that has a grid, in a fixed order. For this module only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "search/space.hpp"

namespace nn::search {

// The values of each parameter that are tried, in their order. Of one without a grid `points` values, evenly
// over its range, or over its logarithm. Usage errors, which begin with the name of the parameter, where
// there is neither.
std::vector<std::vector<double>> grid_values(const Space& space, std::size_t points);

// The point at a place among those that are not forbidden; nothing beyond the last. Points that differ only
// in what isn't there are one. The last parameter of order() changes fastest, but for those that conditions
// or what is forbidden look at: they come before the others.
std::optional<Point> grid_point(const Space& space, const std::vector<std::vector<double>>& values,
                                std::uint64_t place);

// Calls for each of these points in order, until the function says that it has enough.
void for_each_grid_point(const Space& space, const std::vector<std::vector<double>>& values,
                         const std::function<bool(const Point&)>& enough);

}  // namespace nn::search
