#include "search/grid_sampler.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "search/grid.hpp"
#include "search/random.hpp"

namespace nn::search {
namespace {

constexpr std::uint64_t most_values = std::uint64_t{1} << 20;  // of a parameter, which are all in memory

std::vector<double> even_values(const Parameter& p, std::size_t points) {
  if (points == 1) return {value_at(p, 0.5)};
  const bool log = p.is_log();
  const double low = log ? std::log(p.low) : p.low, high = log ? std::log(p.high) : p.high;
  std::vector<double> values;
  for (std::size_t i = 0; i < points; ++i) {
    const double x = low + (high - low) * static_cast<double>(i) / static_cast<double>(points - 1);
    double value = log ? std::exp(x) : x;
    if (p.kind == ParameterKind::intlog) value = std::round(value);
    value = i == 0 ? p.low : i == points - 1 ? p.high : std::clamp(value, p.low, p.high);
    if (values.empty() || value != values.back()) values.push_back(value);
  }
  return values;
}

std::vector<double> values_of(const Parameter& p, std::size_t points) {
  const auto count = p.count();
  const bool is_long = p.kind == ParameterKind::intlog;  // every whole number is rarely what is meant
  if (points > 0 && (!count || (is_long && *count > points))) return even_values(p, points);
  if (!count) fail_usage("{}: it has no grid; give it a step, or say how many points", p.name);
  if (*count > most_values) fail_usage("{}: {} values are too many for a grid", p.name, *count);
  std::vector<double> values;
  for (std::uint64_t i = 0; i < *count; ++i) {
    const auto k = static_cast<double>(i);
    values.push_back(p.has_choices() ? k : snapped(p, p.low + k * p.step));
  }
  return values;
}

// Points as a walk through a tree: those parameters first by which it branches, then the others, of which
// every branch has the same product.
class Walk {
 public:
  Walk(const Space& space, const std::vector<std::vector<double>>& values)
      : space_(space), values_(values), point_(space.size(), std::numeric_limits<double>::quiet_NaN()) {
    std::vector<bool> branches(space.size());
    const auto looked_at = [&](const std::vector<Condition>& conditions) {
      for (const Condition& c : conditions) branches[c.parameter] = true;
    };
    for (const auto& together : space.forbidden()) looked_at(together);
    for (std::size_t p = 0; p < space.size(); ++p) {
      looked_at(space.parameters()[p].conditions);
      if (!space.parameters()[p].conditions.empty()) branches[p] = true;
    }
    for (const std::size_t p : space.order()) (branches[p] ? branching_ : plain_).push_back(p);
    for (const std::size_t p : plain_) product_ = saturated_product(product_, values[p].size());
  }

  // `visit` has the number of points of a branch and the branch; true ends the walk.
  using Visit = std::function<bool(std::uint64_t, Point&)>;
  bool branches(const Visit& visit, std::size_t depth = 0) {
    if (depth == branching_.size()) return !space_.is_forbidden(point_) && visit(product_, point_);
    const std::size_t p = branching_[depth];
    if (!space_.is_active(p, point_)) return branches(visit, depth + 1);
    for (const double value : values_[p]) {
      point_[p] = value;
      if (branches(visit, depth + 1)) return true;
    }
    point_[p] = std::numeric_limits<double>::quiet_NaN();
    return false;
  }

  void place(Point& point, std::uint64_t within) const {
    for (auto p = plain_.rbegin(); p != plain_.rend(); ++p) {
      point[*p] = values_[*p][within % values_[*p].size()];
      within /= values_[*p].size();
    }
  }

 private:
  static std::uint64_t saturated_product(std::uint64_t a, std::uint64_t b) {
    constexpr auto most = std::numeric_limits<std::uint64_t>::max();
    return a > most / b ? most : a * b;
  }

  const Space& space_;
  const std::vector<std::vector<double>>& values_;
  Point point_;
  std::vector<std::size_t> branching_, plain_;
  std::uint64_t product_ = 1;
};

}  // namespace

std::vector<std::vector<double>> grid_values(const Space& space, std::size_t points) {
  std::vector<std::vector<double>> values;
  for (const Parameter& p : space.parameters()) values.push_back(values_of(p, points));
  return values;
}

std::optional<Point> grid_point(const Space& space, const std::vector<std::vector<double>>& values,
                                std::uint64_t place) {
  std::optional<Point> found;
  Walk walk(space, values);
  walk.branches([&](std::uint64_t points, const Point& branch) {
    if (place >= points) {
      place -= points;
      return false;
    }
    found = branch;
    walk.place(*found, place);
    return true;
  });
  return found;
}

void for_each_grid_point(const Space& space, const std::vector<std::vector<double>>& values,
                         const std::function<bool(const Point&)>& enough) {
  Walk walk(space, values);
  walk.branches([&](std::uint64_t points, Point& branch) {
    Point point = branch;
    for (std::uint64_t i = 0; i < points; ++i) {
      walk.place(point, i);
      if (enough(point)) return true;
    }
    return false;
  });
}

}  // namespace nn::search
