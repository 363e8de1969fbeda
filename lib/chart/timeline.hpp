// When slots were busy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "chart/results.hpp"

namespace nn::chart {

struct Stretch {
  double begin_s, end_s;  // without pauses
  study::State state;     // a paused one is pruned
  std::uint32_t trial;
};

struct SlotTime {
  std::string name;
  std::vector<Stretch> stretches;  // by their beginning
  double busy = 0;                 // the share of the time in which it ran a trial
};

// Pauses, when no trial ran on any slot for longer than ten trials of the usual length take and a minute, are
// not idleness: nobody had the sweep run. They are cut out of all times.
struct Timeline {
  std::vector<SlotTime> slots;  // by name, numbers in it as numbers
  double seconds = 0;           // from the first beginning to the last end
  double busy = 0;              // of all slots
  std::vector<double> cuts;     // where a pause is cut out
  std::size_t pauses = 0;
  double pause_seconds = 0;
};

Timeline timeline_of(const Results& results);

}  // namespace nn::chart
