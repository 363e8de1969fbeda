// A run: a study, agents and a coordinator, until all is over.
#pragma once

#include <string>
#include <vector>

#include "sweep/agents.hpp"
#include "sweep/coordinator.hpp"

namespace nn::sweep {

// Runs trials of the study on the hosts. The first SIGINT lets those that run end by themselves, SIGTERM and
// SIGHUP ask them to; what is unfinished then is begun again by the next run. Returns also after a signal,
// and with what went wrong in the result. Errors of the journal are thrown.
RunResult run(study::Study& study, study::Presence& presence, study::Observer& others, const Plan& plan,
              study::Propose propose, const std::vector<Host>& hosts, Observation& observation);

}  // namespace nn::sweep
