// Comparison of two columns of one type, for members that must have the same y and id.
#pragma once

#include <cstdint>

#include "tensor/batch.hpp"

namespace nn::ensemble {

// The first of `rows` rows in which `a` and `b` differ, or -1. Categories are compared by
// text: members may number them differently. NaNs of the same bits are equal.
std::int64_t first_difference(const Field& field, const Column& a, const Column& b, std::int64_t rows);

}  // namespace nn::ensemble
