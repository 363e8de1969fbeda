// What steps of two versions cost, measured in the same moments. For this module only.
#pragma once

#include <vector>

#include "base/clock.hpp"
#include "serving/servable.hpp"
#include "traffic/judge.hpp"

namespace nn::serve {

// Steps of 1, 2, 4 … rows, until one takes longer than 5 ms or 0.5 s are over: of each size up to 21 of both,
// in turns, each between steps of requests. So whatever else the machine does slows both. Empty where one of
// the two isn't computed by this process. Any thread, which it keeps that long.
std::vector<traffic::CostPair> side_by_side(serving::Servable& canary, serving::Servable& control,
                                            const Clock& clock);

}  // namespace nn::serve
