#include "search/space.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/error.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"
#include "search/grid.hpp"

namespace nn::search {
namespace {

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

bool is_identifier(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && letter(name[0]) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

// Parents first; those that wait for each other are in a circle.
std::vector<std::size_t> sorted(const std::vector<Parameter>& parameters) {
  std::vector<std::size_t> order;
  std::vector<bool> done(parameters.size());
  while (order.size() < parameters.size()) {
    const std::size_t before = order.size();
    for (std::size_t p = 0; p < parameters.size(); ++p) {
      const auto& conditions = parameters[p].conditions;
      if (done[p] || !std::all_of(conditions.begin(), conditions.end(),
                                  [&](const Condition& c) { return done[c.parameter]; })) {
        continue;
      }
      done[p] = true;
      order.push_back(p);
    }
    if (order.size() > before) continue;
    const auto left = static_cast<std::size_t>(std::find(done.begin(), done.end(), false) - done.begin());
    fail_usage("{}: its condition depends on itself, in a circle", parameters[left].name);
  }
  return order;
}

}  // namespace

const EnumNames<ParameterKind>& enum_names(ParameterKind) {
  static constexpr EnumName<ParameterKind> table[] = {
      {ParameterKind::uniform, "uniform"},     {ParameterKind::loguniform, "loguniform"},
      {ParameterKind::quniform, "quniform"},   {ParameterKind::integer, "int"},
      {ParameterKind::intlog, "intlog"},       {ParameterKind::normal, "normal"},
      {ParameterKind::lognormal, "lognormal"}, {ParameterKind::choice, "choice"},
      {ParameterKind::ordinal, "ordinal"},     {ParameterKind::constant, "const"}};
  static constexpr EnumNames<ParameterKind> names{"a distribution", table};
  return names;
}

bool Condition::holds(double value) const {
  switch (is) {
    case Is::one_of: return std::binary_search(values.begin(), values.end(), value);
    case Is::none_of: return !std::isnan(value) && !std::binary_search(values.begin(), values.end(), value);
    case Is::below: return value < values[0];
    case Is::above: return value > values[0];
  }
  return false;
}

bool Parameter::is_single() const { return has_choices() ? choices.size() == 1 : low == high; }

std::optional<std::uint64_t> Parameter::count() const {
  if (has_choices()) return choices.size();
  if (low == high) return 1;
  if (step == 0) return std::nullopt;
  return static_cast<std::uint64_t>(std::llround((high - low) / step)) + 1;
}

bool Parameter::contains(double value) const {
  if (has_choices()) {
    return value >= 0 && value < static_cast<double>(choices.size()) && value == std::floor(value);
  }
  if (!(value >= low && value <= high)) return false;
  return step == 0 || is_on_grid(*this, value);
}

std::string Parameter::text_of(double value) const {
  if (std::isnan(value)) return "";
  if (has_choices()) return choices[static_cast<std::size_t>(value)].text;
  const bool is_whole = value == std::floor(value) && std::abs(value) < 0x1p53;
  return is_whole ? fmt::format("{:.0f}", value) : fmt::format("{}", value);
}

std::optional<double> Parameter::value_of(std::string_view text) const {
  if (has_choices()) {
    const auto found =
        std::find_if(choices.begin(), choices.end(), [&](const Choice& c) { return c.text == text; });
    if (found == choices.end()) return std::nullopt;
    return static_cast<double>(found - choices.begin());
  }
  try {
    const double value = parse_number(text);
    return contains(value) ? std::optional(snapped(*this, value)) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

Space::Space(std::vector<Parameter> parameters, std::vector<std::vector<Condition>> forbidden)
    : parameters_(std::move(parameters)), forbidden_(std::move(forbidden)) {
  for (std::size_t p = 0; p < parameters_.size(); ++p) {
    const std::string& name = parameters_[p].name;
    if (!is_identifier(name)) {
      fail_usage("'{}' is no name of a parameter: it needs a letter, then letters, digits and _",
                 printable(name));
    }
    if (find(name) != p) fail_usage("{}: there are two parameters of that name", name);
  }
  order_ = sorted(parameters_);
  for (const std::size_t p : order_) {
    if (parameters_[p].is_single()) continue;
    const auto alike = std::find_if(groups_.begin(), groups_.end(), [&](const auto& group) {
      return parameters_[group[0]].conditions == parameters_[p].conditions;
    });
    if (alike == groups_.end()) {
      groups_.push_back({p});
    } else {
      alike->push_back(p);
    }
  }
}

std::optional<std::size_t> Space::find(std::string_view name) const {
  const auto found = std::find_if(parameters_.begin(), parameters_.end(),
                                  [&](const Parameter& p) { return p.name == name; });
  if (found == parameters_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - parameters_.begin());
}

bool Space::is_active(std::size_t parameter, const Point& point) const {
  const auto& conditions = parameters_[parameter].conditions;
  return std::all_of(conditions.begin(), conditions.end(),
                     [&](const Condition& c) { return c.holds(point[c.parameter]); });
}

void Space::settle(Point& point) const {
  for (const std::size_t p : order_) {
    const Parameter& parameter = parameters_[p];
    if (!is_active(p, point)) {
      point[p] = nothing;
    } else if (parameter.is_single()) {
      point[p] = parameter.has_choices() ? 0 : parameter.low;
    }
  }
}

bool Space::contains(const Point& point) const {
  for (const std::size_t p : order_) {
    const bool right = is_active(p, point) ? parameters_[p].contains(point[p]) : std::isnan(point[p]);
    if (!right) return false;
  }
  return !is_forbidden(point);
}

bool Space::is_forbidden(const Point& point) const {
  return std::any_of(forbidden_.begin(), forbidden_.end(), [&](const std::vector<Condition>& together) {
    return std::all_of(together.begin(), together.end(),
                       [&](const Condition& c) { return c.holds(point[c.parameter]); });
  });
}

std::optional<std::uint64_t> Space::count() const {
  std::uint64_t product = 1;
  for (const Parameter& parameter : parameters_) {
    const auto values = parameter.count();
    if (!values) return std::nullopt;
    const std::uint64_t choices = *values + (parameter.conditions.empty() ? 0 : 1);  // or it isn't there
    if (product > (std::uint64_t{1} << 53) / choices) return std::nullopt;
    product *= choices;
  }
  return product;
}

}  // namespace nn::search
