// Traces of requests through several processes, as W3C's Trace Context has them.
#pragma once

#include <string_view>

namespace nn::serving {

// Does it have the form of a traceparent field?
bool is_traceparent(std::string_view text);
// Does a traceparent say that whoever asked keeps the trace?
bool is_sampled(std::string_view traceparent);

}  // namespace nn::serving
