// Distributions as Optuna's journals write them, and what becomes of them here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "search/space.hpp"

namespace nn::study {

// A parameter as some trial had it: two trials may have different ones of the same name. One object for each
// name and each text of a distribution.
struct KnownParameter {
  std::string name;                // as the journal has it: Optuna's names need not be identifiers
  std::string json;                // the distribution, as the journal has it
  search::Parameter distribution;  // without conditions; named as above
};

// {"name": "FloatDistribution", "attributes": {…}}, or Optuna's short form {"type": "float", …}.
// Nothing where it isn't one: an unknown class, ends the wrong way round, no choices.
std::optional<search::Parameter> parse_distribution(std::string_view name, std::string_view json);

// The same that Optuna would write of it. What Optuna doesn't have (normal, ordinal, constant) becomes what
// is nearest: the float distribution of its ends, and the categorical one of its choices.
std::string distribution_json(const search::Parameter& parameter);

// Whether Optuna takes them for the same parameter: the same class, both logarithmic or neither, equal
// choices (where 1, 1.0 and true are equal).
bool are_compatible(const search::Parameter& a, const search::Parameter& b);

// Values of one parameter as values of another, which must outlive it.
class ValueMap {
 public:
  ValueMap(const search::Parameter& from, const search::Parameter& to);
  // NaN where it is none of its values.
  double operator()(double value) const;

 private:
  const search::Parameter& to_;
  search::Parameter from_;       // of a number that may be one of the choices
  std::vector<double> choices_;  // of what has choices: where each is, or the number that it is
  bool as_text_ = false;
};

}  // namespace nn::study
