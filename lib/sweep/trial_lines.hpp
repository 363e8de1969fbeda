// What a run says as it goes: a line for each trial on standard output, for a pipe, and messages.
#pragma once

#include <cstddef>
#include <string>

#include "study/study.hpp"
#include "sweep/coordinator.hpp"

namespace nn::sweep {

// Of the first trials that fail, the last lines of what they printed and the command that runs them by hand
// are shown; of later ones a line. As JSON, a trial's line is an object, as those of `trials --to jsonl`.
class TrialLines : public Observation {
 public:
  // The study outlives it.
  explicit TrialLines(study::Study& study, bool json = false) : study_(study), json_(json) {}

  void ended(const study::Trial& trial, bool is_best) override;
  void failed(const study::Trial& trial, const std::string& tail) override;
  void paused(const study::Trial& trial) override;
  void said(const std::string& sentence) override;

 private:
  study::Study& study_;
  bool json_;
  std::size_t failed_ = 0;
  std::string told_;
};

// "trial 3 complete loss=0.5 lr=0.1 2.0s cpu:0"; `is_best` has "best" behind the values.
std::string trial_line(const study::Study& study, const study::Trial& trial, bool is_best = false);

// "trial 3 failed: it ended with exit status 1; its log is s.jsonl.d/trial-00003/log, and ends with", the
// lines of `tail`, and `command`, which ends with an end of line; without these two where they are empty.
std::string failure_text(const study::Trial& trial, const std::string& log, const std::string& tail,
                         const std::string& command);

}  // namespace nn::sweep
