// What is decided in one commit of a coordinator. For its sources only.
#pragma once

#include <optional>
#include <vector>

#include "sweep/coordinator.hpp"

namespace nn::sweep {

struct Coordinator::Begun {
  study::Asked asked;
  std::size_t place;
  bool again = false;                     // an attempt that was lost, or is tried again
  std::vector<study::Asked> others = {};  // members of its group, behind it
  std::vector<bool> over = {};            // of all members, who ended in an attempt before; empty: nobody
};

// A commit may be decided about several times: nothing of it counts before it is written.
struct Coordinator::Round {
  Tally tally;
  Retries retries;
  std::vector<study::Outcome> reported = {};  // of reports_
  std::vector<study::Outcome> outcomes = {};  // of ends_
  std::vector<bool> is_best = {};
  std::vector<std::uint32_t> settled = {};  // trials that waited, and go on no more
  std::optional<Verdict> verdict = {};
  std::vector<Begun> begun = {};
  bool exhausted = false;
};

}  // namespace nn::sweep
