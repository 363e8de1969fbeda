// What stands in a repository about its traffic: traffic.toml, the history's lines, and what command lines
// say.
#include <string>

#include "fuzz.hpp"
#include "repository/history.hpp"
#include "traffic/judge.hpp"
#include "traffic/model_traffic.hpp"
#include "traffic/plan.hpp"

using namespace nn;
using namespace nn::traffic;

namespace {

void check_plan(std::string_view text) {
  const TrafficPlan plan = parse_plan(text, "traffic.toml");
  const std::string written = to_toml(plan);
  if (parse_plan(written, "traffic.toml") != plan) fuzz::broken_promise("not the same plan", written);
}

void check_history(std::string_view text) {
  CanaryPolicy policy;
  repository::bad_versions(text);
  repository::highest_named(text);
  decided_versions(text);
  hand_verdicts(text);
  auto judge = Judge::resumed(policy, text, 1000);
  if (!judge) return;
  // What it would leave leads to the same.
  const Decision begin{Verdict::begin, judge->version(), judge->control(), 0, 0, {}, false, {}};
  Decision advance{Verdict::advance, judge->version(), judge->control(), 0, judge->step(), {}, false, {}};
  const std::string lines = to_json(begin, "m", 0) + "\n" + to_json(advance, "m", 0) + "\n" +
                            to_json(judge->progress(), "m", 0, judge->saved(1000)) + "\n";
  const auto again = Judge::resumed(policy, lines, 1000);
  if (!again || again->step() != judge->step() ||
      again->evidence().canary_requests != judge->evidence().canary_requests)
    fuzz::broken_promise("not the same judge", lines);
  judge->observe({}, 1e6);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::as_text(fuzz::as_input(data, size));
  const fuzz::Budget budget(size, 1 << 20);
  fuzz::accepts([&] { check_plan(text); });
  fuzz::accepts([&] { check_history(text); });
  fuzz::accepts([&] { parse_split(text); });
  fuzz::accepts([&] { parse_model_shadow(text); });
  fuzz::accepts([&] { (void)to_text(parse_key(text)); });
  return 0;
}
