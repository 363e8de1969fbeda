// A journal with lines that are none, as a crash of a machine or a hand leaves them: Optuna reads none of it
// any more, and where one of them made a trial, the numbers of all behind it would be wrong.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "study/lock.hpp"

namespace nn::study {

struct Repair {
  std::string bytes;              // what the file should be
  std::vector<std::string> said;  // what is changed, a sentence each with file and line; empty: nothing is
};
// Lines that are none go. Of one that was never finished and has another behind it, that one stays. Where a
// line that made a trial is lost, as later lines show, or what is left of it, a trial that has failed stands
// in its place, so that all others keep their numbers. What was never finished at the end goes too. All other
// bytes stay as they are. Data error where what is left makes no sense: a study that is missing, numbers that
// go back, more trials lost than `max_lost_trials`.
inline constexpr std::size_t max_lost_trials = 100'000;
Repair repair(std::string_view bytes, const std::string& name);

// The same of a file, under both locks: it appears complete or not at all, and what it was stays beside it as
// PATH.bak. Nothing is written where nothing is wrong. What was said. Unavailable error while a run of
// nn-sweep is alive that has it; Io errors, also where PATH.bak is there.
std::vector<std::string> repair_journal(const std::string& path, const Patience& patience = {});

// What is wrong with it, and would be mended, or is only told. Takes no lock.
std::vector<std::string> journal_faults(const std::string& path);

}  // namespace nn::study
