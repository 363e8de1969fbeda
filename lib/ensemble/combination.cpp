#include "ensemble/combination.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"

namespace nn::ensemble {

std::vector<std::string_view> combination_names() {
  std::vector<std::string_view> names = enum_names(Rule{}).list();
  names.insert(names.end(), {"concat", "stack:"});
  return names;
}

Combination parse_combination(std::string_view text) {
  Combination combination;
  if (text.starts_with("stack:")) {
    combination.kind = Combination::Kind::stack;
    combination.model = text.substr(6);
    if (combination.model.empty()) fail_usage("'stack:' lacks the model; write stack:MODEL");
  } else if (text == "stack") {
    fail_usage("'stack' lacks the model; write stack:MODEL");
  } else if (text == "concat") {
    combination.kind = Combination::Kind::concat;
  } else {
    const auto names = combination_names();
    if (std::find(names.begin(), names.end(), text) == names.end()) fail_unknown_name(text, "a rule", names);
    combination.kind = Combination::Kind::rule;
    combination.rule = parse_rule(text);
  }
  return combination;
}

std::string to_string(const Combination& combination) {
  switch (combination.kind) {
    case Combination::Kind::stack: return "stack";
    case Combination::Kind::concat: return "concat";
    default: return std::string(name_of(combination.rule));
  }
}

std::vector<double> parse_weights(std::string_view text) {
  std::vector<double> weights;
  for (const std::string& word : split(text, ',')) {
    const double weight = parse_number(trim(word));
    if (!(weight > 0)) fail_usage("weight {} is not above 0", printable(word));
    weights.push_back(weight);
  }
  return weights;
}

}  // namespace nn::ensemble
