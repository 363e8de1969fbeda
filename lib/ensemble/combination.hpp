// How members of an ensemble are combined, as people say it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ensemble/rules.hpp"

namespace nn::ensemble {

// The combination of members, as --rule says it: a rule, stack:MODEL, concat, or nothing.
struct Combination {
  enum class Kind : std::uint8_t {
    automatic,  // weighted where a weight was given, else mean
    rule,
    stack,   // the outputs side by side are the features of another model
    concat,  // the outputs side by side as they are, to train such a model
  };
  Kind kind = Kind::automatic;
  Rule rule = Rule::mean;
  std::string model;  // stack
  bool needs_all() const { return kind == Kind::stack || kind == Kind::concat; }
};
Combination parse_combination(std::string_view text);  // usage error
std::vector<std::string_view> combination_names();     // all that may be said, "stack:" before a model
std::string to_string(const Combination& combination);

// "2,1,0.5": positive and finite.
std::vector<double> parse_weights(std::string_view text);

}  // namespace nn::ensemble
