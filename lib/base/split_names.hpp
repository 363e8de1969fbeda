// Lists of names as people write them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nn {

// Names with commas between. One in quotes may have commas itself, and quotes, each written twice.
std::vector<std::string> split_names(std::string_view text);

}  // namespace nn
