#include "search/free_points.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <vector>

#include "base/error.hpp"
#include "search/grid_sampler.hpp"
#include "search/random.hpp"

namespace nn::search {
namespace {

constexpr int tries = 100;
// Of a step: journals of others have values that are on grids but for rounding.
constexpr double half = 0.5;
constexpr std::uint64_t most_counted = std::uint64_t{1} << 20;  // points that are looked at one by one

// The same for values that are the same but for rounding.
double key_of(const Parameter& p, double value) {
  if (std::isnan(value)) return -1;
  return p.has_choices() || p.step == 0 ? value : std::round((value - p.low) / p.step);
}

}  // namespace

bool FreePoints::contains(const Point& point) const {
  return !space_.is_forbidden(point) && (allow_duplicates_ || !is_tried(point));
}

bool FreePoints::is_tried(const Point& point) const {
  std::vector<double> tolerances;
  for (std::size_t p = 0; p < point.size(); ++p) {
    const Parameter& parameter = space_.parameters()[p];
    // What can't be counted doesn't come twice.
    if (!std::isnan(point[p]) && !parameter.count()) return false;
    tolerances.push_back(parameter.has_choices() ? half : parameter.step * half);
  }
  for (std::size_t trial = 0; trial < history_.size(); ++trial) {
    std::size_t p = 0;
    for (; p < point.size(); ++p) {
      const double value = history_.parameters[p][trial];
      const bool same =
          std::isnan(point[p]) ? std::isnan(value) : std::abs(value - point[p]) <= tolerances[p];
      if (!same) break;
    }
    if (p == point.size()) return true;
  }
  return false;
}

std::optional<Point> FreePoints::draw(RandomStream& random) const {
  for (int i = 0; i < tries; ++i) {
    Point point = random_point(space_, random);
    if (contains(point)) return point;
  }
  if (const auto count = space_.count(); count && *count <= most_counted) return draw_counted(random);
  if (space_.forbidden().empty()) return std::nullopt;
  throw data_error("of {} points by chance none may be tried: what is forbidden leaves too little", tries)
      .advise("; conditions or narrower ranges say the same without any search");
}

std::optional<Point> FreePoints::draw_counted(RandomStream& random) const {
  std::set<std::vector<double>> tried;
  const auto keys_of = [&](const auto& value_of) {
    std::vector<double> keys;
    for (std::size_t p = 0; p < space_.size(); ++p) {
      keys.push_back(key_of(space_.parameters()[p], value_of(p)));
    }
    return keys;
  };
  for (std::size_t trial = 0; trial < history_.size() && !allow_duplicates_; ++trial) {
    tried.insert(keys_of([&](std::size_t p) { return history_.parameters[p][trial]; }));
  }
  // Each free point takes the place of the last one with the right chance, so that all are as likely.
  std::optional<Point> chosen;
  std::uint64_t free = 0;
  for_each_grid_point(space_, grid_values(space_, 0), [&](const Point& point) {
    if (tried.count(keys_of([&](std::size_t p) { return point[p]; })) > 0) return false;
    if (random.below(++free) == 0) chosen = point;
    return false;
  });
  return chosen;
}

}  // namespace nn::search
