// What a server's command line says of its models' traffic.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "options/option.hpp"
#include "traffic/plan.hpp"

namespace nn::traffic {

struct TrafficOptions {
  std::vector<std::pair<std::string, std::vector<Arm>>> splits;  // by models' names
  std::vector<std::pair<std::string, Shadow>> shadows;
  Key key;  // of all of them
};

options::List option_list(TrafficOptions& o);

// The plan of each model that they name. Usage error for one that is named twice.
std::map<std::string, TrafficPlan, std::less<>> plans(const TrafficOptions& o);

}  // namespace nn::traffic
