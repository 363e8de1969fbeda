// What is searched: parameters with their distributions, the conditions under which they are there, and what
// must not come together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/enum_names.hpp"

namespace nn::search {

enum class ParameterKind : std::uint8_t {
  uniform,     // low:high
  loguniform,  // low:high, low > 0
  quniform,    // low:high:step: low, low + step, … and not over high
  integer,     // low:high[:step], both ends included
  intlog,      // low:high, low >= 1
  normal,      // mean:deviation; within four deviations, which is where proposals are drawn
  lognormal,   // the same of the logarithm
  choice,      // a,b,c
  ordinal,     // a,b,c, in an order that means something: neighbours are alike
  constant,    // a value
};
const EnumNames<ParameterKind>& enum_names(ParameterKind);

// One of the values of a choice.
struct Choice {
  std::string text;  // what stands in a command
  std::string json;  // what it is in a journal: a string, a number, true, false or null
  bool operator==(const Choice&) const = default;
};

// A parameter's value is a double: the number itself, or the place of the choice among the choices. What is
// not there, since a condition doesn't hold, is NaN. Of a constant there is nothing to search: it has one
// choice.
struct Parameter;

// A comparison with the value of another parameter. It doesn't hold where that isn't there.
struct Condition {
  enum class Is : std::uint8_t { one_of, none_of, below, above };
  std::size_t parameter;
  Is is;
  std::vector<double> values;  // sorted; of below and above one
  bool holds(double value) const;
  bool operator==(const Condition&) const = default;
};

struct Parameter {
  std::string name;  // an identifier
  ParameterKind kind = ParameterKind::uniform;
  // Of numbers; both ends may be proposed. A loguniform's are of the value, not of its logarithm; a normal's
  // are four deviations from its mean.
  double low = 0, high = 0;
  double step = 0;  // of those that have a grid; 0: none
  double mean = 0, deviation = 0;
  std::vector<Choice> choices;        // of choice, ordinal and constant
  std::vector<Condition> conditions;  // all of them must hold

  bool is_categorical() const { return kind == ParameterKind::choice || kind == ParameterKind::constant; }
  bool has_choices() const { return !choices.empty(); }
  bool is_log() const {
    return kind == ParameterKind::loguniform || kind == ParameterKind::intlog ||
           kind == ParameterKind::lognormal;
  }
  // There is one value only: no dimension of the search.
  bool is_single() const;
  // How many values there are; nothing where they are not countable.
  std::optional<std::uint64_t> count() const;
  // Is it a value that may be proposed? NaN is none.
  bool contains(double value) const;
  // What stands in a command: shortest digits that read back as the same.
  std::string text_of(double value) const;
  // The value that a text stands for, as a person gives it; nothing where it is none of them.
  std::optional<double> value_of(std::string_view text) const;
  bool operator==(const Parameter&) const = default;
};

// A value for each parameter of a space, in its order.
using Point = std::vector<double>;

// Immutable once it is made. Thread-safe.
class Space {
 public:
  Space() = default;
  // Each line is NAME=KIND:… [if CONDITION [and CONDITION]…], as --param takes it; each of `forbidden` is
  // CONDITION [and CONDITION]…. A CONDITION is NAME=VALUE, NAME!=VALUE, NAME<NUMBER, NAME>NUMBER or NAME in
  // A,B,C. Usage errors name the parameter and what was expected.
  static Space parse(const std::vector<std::string>& lines, const std::vector<std::string>& forbidden = {});
  // Usage errors for names that come twice, conditions on what isn't there, and circles of conditions.
  Space(std::vector<Parameter> parameters, std::vector<std::vector<Condition>> forbidden);

  const std::vector<Parameter>& parameters() const { return parameters_; }
  std::size_t size() const { return parameters_.size(); }
  const std::vector<std::vector<Condition>>& forbidden() const { return forbidden_; }
  std::optional<std::size_t> find(std::string_view name) const;

  // Those on which a condition depends come before what depends on them.
  const std::vector<std::size_t>& order() const { return order_; }
  // Parameters that are there under the same conditions, which are therefore proposed together. Those with
  // one value are in none. In the order of order().
  const std::vector<std::vector<std::size_t>>& groups() const { return groups_; }
  // Whether its conditions hold, of the values of `point` in front of it in order().
  bool is_active(std::size_t parameter, const Point& point) const;
  // Takes out what is not there, and puts in what has only one value. Other missing values stay missing.
  void settle(Point& point) const;
  // A value for all that is there, nothing for the rest, and nothing forbidden.
  bool contains(const Point& point) const;
  bool is_forbidden(const Point& point) const;
  // How many points there are at most, without looking at what is forbidden; nothing where they are not
  // countable or over 2^53.
  std::optional<std::uint64_t> count() const;
  bool operator==(const Space&) const = default;

 private:
  std::vector<Parameter> parameters_;
  std::vector<std::vector<Condition>> forbidden_;
  std::vector<std::size_t> order_;
  std::vector<std::vector<std::size_t>> groups_;
};

// A line as Space::parse() takes it, from which the same parameter comes.
std::string to_string(const Parameter& parameter, const Space& space);
std::string to_string(const std::vector<Condition>& conditions, const Space& space);

}  // namespace nn::search
