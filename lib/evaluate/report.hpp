// Figures as text and as JSON.
#pragma once

#include <optional>
#include <string>

#include "evaluate/results.hpp"

namespace nn::evaluate {

// A figure for people: "-" where it is not defined, four decimals of a share, or six digits.
std::string value_text(const std::optional<double>& value, bool share);

// A table for people; class names are cut to what a cell holds.
std::string to_text(const Results& results, const EvaluateOptions& options);
// One object on one line; null where a figure is not defined, or is beyond a double.
std::string to_json(const Results& results, const EvaluateOptions& options);

}  // namespace nn::evaluate
