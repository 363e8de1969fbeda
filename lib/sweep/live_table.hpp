// What a terminal shows of a run while it goes on, as lines of text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace nn::sweep {

// A slot, as it is now.
struct SlotView {
  std::string name;                    // "cpu:0", "h2/cuda:1"
  std::optional<std::uint32_t> trial;  // none: it is free
  double elapsed_s = 0;                // of its trial
  std::optional<std::int64_t> step;    // the last that it reported
  std::optional<double> value;         // of the first objective, the last that it reported
  std::string state;  // why it gets no trial: "away", "broken"; or what its trial does: "ending"
};

struct LiveView {
  std::vector<SlotView> slots;
  std::size_t wanted = SIZE_MAX;                                 // trials in all; SIZE_MAX: no limit
  std::size_t complete = 0, pruned = 0, failed = 0, paused = 0;  // in the study, not of this run only
  std::string objective;                                         // the first one's name
  struct Best {
    std::uint32_t trial = 0;
    std::vector<std::pair<std::string, double>> values;
    std::vector<std::pair<std::string, std::string>> parameters;
  };
  std::optional<Best> best;
  double elapsed_s = 0;
  double mean_s = std::numeric_limits<double>::quiet_NaN();  // that a trial takes; NaN: not known yet
  double busy = 0;                                           // the share of slots' time with a trial, 0 to 1
  std::string ending;                                        // why no trial begins any more; empty: they do
};

// The time until all wanted trials are finished, with as many slots as get trials; nothing where that isn't
// known.
std::optional<double> time_left(const LiveView& view);

// At most `height` lines, each at most `width` columns wide (UTF-8, each character one column), without ends
// of lines: what has come so far, the best so far, and slots, as many as fit, with how many more there are.
// `colour`: with the terminal's own colours (SGR), which take no columns.
std::vector<std::string> table_lines(const LiveView& view, std::size_t width, std::size_t height,
                                     bool colour);

}  // namespace nn::sweep
