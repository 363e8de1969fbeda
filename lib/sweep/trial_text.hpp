// What a journal says of one trial.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "study/study.hpp"

namespace nn::sweep {

std::string objective_name(study::Study& study, std::size_t objective);

// The words of its command, as far as the journal knows what it was told. Data error where it has none.
std::vector<std::string> command_of(study::Study& study, const study::Trial& trial);
// The models of nn-train that its command writes: what stands behind -o. Data error where there is none.
std::vector<std::string> models_of(study::Study& study, const study::Trial& trial);

// All of one trial. Usage error where it isn't there, as of all that follows.
std::string trial_text(study::Study& study, std::uint32_t number);
// The command that ran it, to be pasted into a shell.
std::string trial_command(study::Study& study, std::uint32_t number);
// The pruner's decisions about it, with their numbers, a line each.
std::string explanation(study::Study& study, std::uint32_t number);

}  // namespace nn::sweep
