// What people do to a coordinator's slots while it runs.
#include <fmt/format.h>

#include "base/error.hpp"
#include "base/text.hpp"
#include "sweep/coordinator.hpp"

namespace nn::sweep {

void Coordinator::drain_slot(std::string_view name, bool now) {
  bool any = false;
  for (Place& place : places_) {
    const Slot whole{place.slot.host, place.slot.device, 0};
    if (place.slot.name() != name && whole.name() != name) continue;
    any = true;
    place.drained = true;
    for (auto& [number, trial] : running_) {
      if (!now || &places_[trial.slot] != &place || trial.ending != Running::End::none) continue;
      trial.moves = true;
      end_trial(trial, Running::End::stopped, "its slot was taken away");
    }
  }
  if (!any) fail_usage("there is no slot '{}'", printable(name));
}

// It stays as it is, for who goes on: another run, or another slot.
void Coordinator::leave_stopped(const Running& trial) {
  if (trial.moves && !stopping_) retries_.add(trial.run, trial.reason, clock_.now());
}

std::vector<SlotState> Coordinator::slots() const {
  std::vector<SlotState> slots;
  slots.reserve(places_.size());
  for (const Place& place : places_) {
    std::string state = place.trial ? fmt::format("trial {}", *place.trial) : "idle";
    if (place.drained) state = place.trial ? state + ", draining" : "drained";
    if (!place.usable) state = "broken";
    if (!place.present) state = "away";
    slots.push_back({place.slot.name(), std::move(state)});
  }
  return slots;
}

}  // namespace nn::sweep
