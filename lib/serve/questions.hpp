// Questions about models and the server, by REST: states, metadata, configuration, health. For this module
// only.
#pragma once

#include "serve/calls.hpp"

namespace nn::serve {

// Fills in the response. Throws Fault, and data errors.
void answer_question(Service& service, Calls& calls, http::Exchange& exchange, Call& call);

}  // namespace nn::serve
