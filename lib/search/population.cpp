#include "search/population.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "search/grid.hpp"
#include "search/random.hpp"

namespace nn::search {
namespace {

constexpr double up = 1.2, down = 0.8;
constexpr int most_tries = 100;

// Places of members with a score, the best first; among equals the earlier trial.
std::vector<std::size_t> ranked(const std::vector<Member>& members) {
  std::vector<std::size_t> order;
  for (std::size_t m = 0; m < members.size(); ++m) {
    if (!std::isnan(members[m].score)) order.push_back(m);
  }
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const Member &x = members[a], &y = members[b];
    return x.score != y.score ? x.score < y.score : x.trial < y.trial;
  });
  return order;
}

std::size_t count_replaced(double quantile, std::size_t members) {
  return std::min(static_cast<std::size_t>(std::ceil(quantile * static_cast<double>(members))), members / 2);
}

double moved(const Parameter& parameter, double value, RandomStream& random) {
  const bool is_up = random.below(2) == 1;
  if (parameter.has_choices()) {  // an ordinal
    return std::clamp(value + (is_up ? 1 : -1), 0.0, static_cast<double>(parameter.choices.size() - 1));
  }
  double target = value * (is_up ? up : down);
  const double least = parameter.step;
  if (least > 0 && std::abs(target - value) < least) target = value + (target < value ? -least : least);
  return snapped(parameter, std::clamp(target, parameter.low, parameter.high));
}

double explored_value(const Parameter& parameter, double value, double resample, RandomStream& random) {
  const bool is_anew = random.uniform() < resample;
  if (std::isnan(value) || is_anew) return value_at(parameter, random.uniform());
  return parameter.is_categorical() ? value : moved(parameter, value, random);
}

}  // namespace

Standing exploited(const std::vector<Member>& members, std::size_t member, double quantile,
                   RandomStream& random) {
  const std::vector<std::size_t> order = ranked(members);
  const auto found = std::find(order.begin(), order.end(), member);
  Standing standing{.place = static_cast<std::size_t>(found - order.begin()) + 1,
                    .count = order.size(),
                    .quantile = count_replaced(quantile, order.size()),
                    .copied = std::nullopt};
  if (found == order.end()) standing.place = 0;
  if (standing.place > order.size() - standing.quantile) {
    standing.copied = order[random.below(standing.quantile)];
  }
  return standing;
}

std::optional<std::size_t> successor(const std::vector<Member>& members, std::size_t failed, double quantile,
                                     RandomStream& random) {
  std::vector<std::size_t> order = ranked(members);
  order.erase(std::remove(order.begin(), order.end(), failed), order.end());
  if (order.empty()) return std::nullopt;
  return order[random.below(std::max<std::size_t>(1, count_replaced(quantile, order.size())))];
}

std::optional<Point> explored(const Space& space, const Point& point, double resample, RandomStream& random) {
  for (int tries = 0; tries < most_tries; ++tries) {
    Point next = point;
    for (const std::size_t p : space.order()) {
      const Parameter& parameter = space.parameters()[p];
      if (space.is_active(p, next) && !parameter.is_single()) {
        next[p] = explored_value(parameter, next[p], resample, random);
      } else {
        space.settle(next);
      }
    }
    space.settle(next);
    if (!space.is_forbidden(next)) return next;
  }
  return std::nullopt;
}

std::string to_string(const Standing& standing, double score, std::int64_t step) {
  if (standing.place == 0) return fmt::format("at step {} it has no score", step);
  return fmt::format("{} is number {} of {} at step {}; the worst {} go on as one of the best {}", score,
                     standing.place, standing.count, step, standing.quantile, standing.quantile);
}

}  // namespace nn::search
