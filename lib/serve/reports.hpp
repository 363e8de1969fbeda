// Answers to questions of those who run a server: metrics, statistics, the status page. For this module only.
#pragma once

#include "serve/calls.hpp"

namespace nn::serve {

// Fills in the response; false where the action is none of these. Throws Fault, and data errors.
bool answer_report(Service& service, http::Exchange& exchange, Call& call);

}  // namespace nn::serve
