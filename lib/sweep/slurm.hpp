// Nodes of a Slurm allocation as hosts.
#pragma once

#include <string>
#include <vector>

#include "sweep/agents.hpp"

namespace nn::sweep {

// The nodes of the allocation that this process is in, each with an agent in a step of its own (srun
// --overlap); without devices, each has its own as default_devices() knows them there. Usage error outside of
// an allocation, or without Slurm's programs.
std::vector<Host> slurm_hosts(const std::vector<std::string>& devices);

}  // namespace nn::sweep
