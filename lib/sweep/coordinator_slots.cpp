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

std::vector<SlotView> Coordinator::slots() const {
  std::vector<SlotView> views;
  for (const Place& place : places_) {
    SlotView view;
    view.name = place.slot.name();
    view.trial = place.trial;
    if (place.drained) view.state = place.trial ? "draining" : "drained";
    if (!place.present) view.state = "away";
    if (!place.usable) view.state = "broken";
    const auto running = place.trial ? running_.find(*place.trial) : running_.end();
    if (running != running_.end()) {
      view.elapsed_s = seconds_since(running->second.started);
      if (running->second.ending != Running::End::none && view.state.empty()) view.state = "ending";
      if (const auto& reports = trial_of(*place.trial).reports; !reports.empty()) {
        view.step = reports.back().step;
        view.value = reports.back().value;
      }
    }
    views.push_back(std::move(view));
  }
  return views;
}

std::vector<SlotState> Coordinator::slot_states() const {
  std::vector<SlotState> states;
  for (SlotView& view : slots()) {
    std::string state = view.trial ? fmt::format("trial {}", *view.trial) : "";
    if (!view.state.empty()) state += (state.empty() ? "" : ", ") + view.state;
    states.push_back({std::move(view.name), state.empty() ? "idle" : std::move(state)});
  }
  return states;
}

}  // namespace nn::sweep
