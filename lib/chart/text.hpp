// A sweep for a terminal: bars and lines of blocks.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "chart/axes.hpp"
#include "chart/picture.hpp"

namespace nn::chart {

// Lines of at most `width` columns (40 at least). Sections without anything to show are left out, unless
// `only` names them.
std::string text(const Results& results, std::size_t width, const std::set<Section>& only = {});

// A block of eight heights for each value, from the low to the high end of the axis; NaN is a space.
std::string sparkline(const std::vector<double>& values, const Axis& axis);

}  // namespace nn::chart
