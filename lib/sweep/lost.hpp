// Trials of other runs that died. For this module only.
#pragma once

#include "base/clock.hpp"
#include "study/presence.hpp"
#include "study/trial.hpp"

namespace nn::sweep {

// How long a trial whose run is dead may still go on: agents end their trials some time after it. Nothing
// where that has happened already, as far as can be seen from this host.
Clock::duration time_to_end(const study::Trial& trial, const study::Observer& others, Clock::duration lease);

}  // namespace nn::sweep
