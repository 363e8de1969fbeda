#include "search/history.hpp"

namespace nn::search {

void History::add(std::uint32_t number, TrialState state, const Point& point,
                  const std::vector<double>& objective_values, double violation, double last_step,
                  double last_value, double ran_seconds) {
  numbers.push_back(number);
  states.push_back(state);
  for (std::size_t p = 0; p < parameters.size(); ++p) parameters[p].push_back(point[p]);
  for (std::size_t o = 0; o < values.size(); ++o) values[o].push_back(objective_values[o]);
  violations.push_back(violation);
  last_steps.push_back(last_step);
  last_values.push_back(last_value);
  seconds.push_back(ran_seconds);
}

Point History::point(std::size_t trial) const {
  Point point;
  for (const auto& column : parameters) point.push_back(column[trial]);
  return point;
}

}  // namespace nn::search
