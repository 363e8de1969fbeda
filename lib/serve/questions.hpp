// Questions about models and the server, by REST: states, metadata, configuration, health. For this module
// only.
#pragma once

#include "inference/grpc_describe.hpp"
#include "serve/calls.hpp"

namespace nn::serve {

// Of the server and its services, by an empty name or theirs, or of a model.
inference::Health health_of(const Service& service, std::string_view name);

// Of gRPC's questions about a model, it and its version are in the message: into the route. Data errors.
void take_model(http::Exchange& exchange, Route& route);
// Fills in the response. Throws Fault, and data errors.
void answer_question(Service& service, Calls& calls, http::Exchange& exchange, Call& call);

}  // namespace nn::serve
