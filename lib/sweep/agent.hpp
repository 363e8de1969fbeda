// The agent runs trials on a host, for a coordinator at the other end of a socket, ssh or srun.
#pragma once

#include <string>

namespace nn::sweep {

// Reads messages from `in` and writes to `out` until the end of `in`, or a signal to stop; then ends all
// trials, and returns when no process of theirs is left. Whatever a trial starts is ended with it, also what
// left its process group. If this process is killed, a guard does that. The same where it hears nothing from
// the coordinator for half a lease (fence.hpp). `before`: the id of an agent whose connection was lost, or
// ""; it, and what it ran, is ended first, if that was here. The process must have one thread.
void run_agent(int in, int out, const std::string& before);

}  // namespace nn::sweep
