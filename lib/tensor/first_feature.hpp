#pragma once

#include <string_view>

namespace nn {

// Metadata of a tensor column of sparse rows, as LIBSVM's: the index of its first element, 0 or 1. What a row
// doesn't say is 0 there, so that tables of other widths have the same columns.
inline constexpr std::string_view first_feature_key = "nn.first_feature";

}  // namespace nn
