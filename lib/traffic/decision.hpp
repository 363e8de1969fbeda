// What was decided about a version that is being tried, and why: a line of the repository's history.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/enum_names.hpp"
#include "base/json_lines.hpp"
#include "traffic/statistics.hpp"

namespace nn::traffic {

enum class Verdict : std::uint8_t {
  begin,         // it is tried from here on
  advance,       // more users get it
  promote,       // it is the stable one
  hold,          // it stays where it is until somebody says how to go on
  resume,        // the step begins anew
  rollback,      // nobody gets it, and it is bad
  incompatible,  // it isn't tried at all: clients of the stable one would fail with it
  progress       // nothing; how far it is, for a restart
};
const EnumNames<Verdict>& enum_names(Verdict);

// The figures of a step that were looked at.
struct Evidence {
  std::uint64_t canary_requests = 0, canary_errors = 0, control_requests = 0, control_errors = 0;
  Span error_difference;               // canary - control, of shares
  Span canary_p95_us, control_p95_us;  // high is infinite where there were too few
  std::uint64_t canary_nonfinite = 0, control_nonfinite = 0;
  double slower = 0.5;  // how likely an answer of the canary took longer than one of the control
  std::uint64_t shadow_requests = 0, shadow_rows = 0, shadow_errors = 0, shadow_nonfinite = 0,
                shadow_dropped = 0;
  double agreement = 1, distance = 0;
};

struct Decision {
  Verdict verdict = Verdict::progress;
  std::uint64_t version = 0, control = 0;
  double step = 0;  // percent of the users; 0: the shadow's
  double to = 0;    // of advance
  std::string reason = {};
  bool by_hand = false;
  std::optional<Evidence> evidence = {};
};

// An object of one line, without its end. `unix_s` is the calendar's time; `more` is put behind the fields,
// as it is:
// "" or ",\"key\":…".
std::string to_json(const Decision& decision, std::string_view model, double unix_s,
                    std::string_view more = {});
// The same fields for a log, whose lines have a time of their own.
JsonFields log_fields(const Decision& decision, std::string_view model);

}  // namespace nn::traffic
