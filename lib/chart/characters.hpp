// Pictures of characters: what they are put together from.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace nn::chart {

// Characters of UTF-8, each of which is taken to be a column wide.
std::size_t columns_of(std::string_view text);

// A bar over a share of so many columns, by eighths of one.
std::string bar_of(double share, std::size_t columns);

// Without blanks at its end, and with a line end.
std::string line_of(std::string text);

}  // namespace nn::chart
