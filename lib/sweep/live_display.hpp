// The live table on a terminal.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "study/study.hpp"
#include "sweep/coordinator.hpp"
#include "sweep/live_table.hpp"
#include "sweep/plan.hpp"

namespace nn::sweep {

// Draws the table below all that is printed, at most ten times a second, and takes it away at its end. The
// cursor stays in front of it, in an empty line: what others print, as ssh and agents do, and the terminal's
// own echo go there, and the next drawing comes below. It never waits for the terminal. One thread.
class LiveDisplay : public Observation {
 public:
  // The terminal that shows it: standard error, or else standard output; -1 where neither is one that can
  // move its cursor (TERM), or all shall be quiet.
  static int terminal();

  // All outlive it. `lines` gets all that is told, but for ends of trials where these would go to the same
  // terminal as the table, unless `with_ends`.
  LiveDisplay(study::Study& study, const Plan& plan, Observation& lines, int terminal, bool with_ends);
  ~LiveDisplay() override;
  // The table goes away; the next look() brings it back.
  void remove() { clear(); }

  void ended(const study::Trial& trial, bool is_best) override;
  void failed(const study::Trial& trial, const std::string& tail) override;
  void paused(const study::Trial& trial) override;
  void said(const std::string& sentence) override;
  Clock::duration look_every() const override;
  void look(const std::vector<SlotView>& slots, const RunResult& so_far) override;

 private:
  LiveView view_of(const std::vector<SlotView>& slots, const RunResult& so_far) const;
  void clear();
  void draw(const LiveView& view);
  bool flush();

  study::Study& study_;
  const Plan& plan_;
  Observation& lines_;
  int terminal_;
  bool with_ends_, colour_;
  std::string unsent_;  // of what is drawn: the terminal takes it later
  std::string drawn_;
  std::chrono::steady_clock::time_point drawn_at_;
};

}  // namespace nn::sweep
