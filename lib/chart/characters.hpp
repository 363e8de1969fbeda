// Pictures of characters: what they are put together from.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace nn::chart {

// A bar over a share of so many columns, by eighths of one.
std::string bar_of(double share, std::size_t columns);

// Without blanks at its end, and with a line end.
std::string line_of(std::string text);

}  // namespace nn::chart
