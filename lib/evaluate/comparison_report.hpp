// A comparison of two models as text and as JSON.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "evaluate/comparison.hpp"

namespace nn::evaluate {

struct ComparisonReport {
  std::string first, second;  // names of models
  double confidence = 0.95;
  std::int64_t rows = 0;                           // that both have
  std::int64_t first_only = 0, second_only = 0;    // rows that one of them has
  std::string only_in_second = {};                 // the first such row, for people
  std::int64_t first_right = 0, second_right = 0;  // rows that only one of them has right
  std::vector<PairedTest> tests = {};
};

// Which one is better, in one line: a test decides where its p is below 1 - confidence.
std::string verdict_of(const ComparisonReport& report);
std::string to_text(const ComparisonReport& report);
std::string to_json(const ComparisonReport& report);

}  // namespace nn::evaluate
