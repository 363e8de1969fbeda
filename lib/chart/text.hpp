// A sweep for a terminal: bars and lines of blocks.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "chart/picture.hpp"

namespace nn::chart {

// Lines of at most `width` columns (40 at least). Sections without anything to show are left out, unless
// `only` names them.
std::string text(const Results& results, std::size_t width, const std::set<Section>& only = {});

// A block of eight heights for each value; NaN is a space. Values go from `low` to `high`.
std::string sparkline(const std::vector<double>& values, double low, double high);

}  // namespace nn::chart
