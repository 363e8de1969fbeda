// Figures as text and as JSON.
#pragma once

#include <string>
#include <vector>

#include "evaluate/evaluate.hpp"
#include "evaluate/metrics.hpp"

namespace nn::evaluate {

std::string to_text(const ClassReport& report, const std::vector<std::string>& names, std::int64_t unlabelled,
                    const EvaluateOptions& options);
std::string to_text(const NumberReport& report, std::int64_t unlabelled);
std::string json_of(const ClassReport& report, const std::vector<std::string>& names, std::int64_t unlabelled,
                    const EvaluateOptions& options);
std::string json_of(const NumberReport& report, std::int64_t unlabelled);

}  // namespace nn::evaluate
