// What Optuna says: lines of a word and numbers, which tests/golden/search/make-golden wrote.
#pragma once

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "catch.hpp"

namespace nn::search {

struct GoldenLine {
  std::string word;
  std::vector<double> numbers;
};

inline std::vector<GoldenLine> read_golden(const std::string& name) {
  std::ifstream file(std::string(NN_GOLDEN "/search/") + name);
  REQUIRE(file);
  std::vector<GoldenLine> lines;
  for (std::string text; std::getline(file, text);) {
    if (text[0] == '#') continue;
    std::istringstream words(text);
    GoldenLine line;
    words >> line.word;
    for (std::string number; words >> number;) line.numbers.push_back(std::strtod(number.c_str(), nullptr));
    lines.push_back(line);
  }
  return lines;
}

}  // namespace nn::search
