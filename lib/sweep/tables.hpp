// What a journal says, for people and scripts. All only read, and take no lock; texts end with an end of
// line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "study/study.hpp"
#include "sweep/table.hpp"

namespace nn::sweep {

// All parameters that trials have, those of the space first.
std::vector<std::string> parameter_names(study::Study& study);

// A row for each trial: number, state, values, parameters, seconds, slot, attempts.
std::string trials_table(study::Study& study, TableFormat format);

// The row of one as an object of JSON; parameters are those of the space, then its own.
std::string trial_json(study::Study& study, const study::Trial& trial);

struct BestOptions {
  std::size_t top = 1;
  bool pareto = false;   // all that no other dominates
  bool models = false;   // "-m path" for each, for nn-predict, instead of rows
  bool command = false;  // the command line of each
  TableFormat format = TableFormat::text;
};
// Data error where no trial is complete, keeps its constraints and has a finite value.
std::string best_table(study::Study& study, const BestOptions& options);

// A row for each stage that led to the trial as it is, from the first one: which trial's it was, from which
// step to which, and the values and the seed that it had. To do the same again is to do these, each from the
// checkpoint of the one before.
std::string lineage_table(study::Study& study, std::uint32_t number, TableFormat format);

std::string status_text(study::Study& study, bool json);
std::string importance_table(study::Study& study, TableFormat format);

}  // namespace nn::sweep
