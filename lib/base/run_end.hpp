// The line of JSON that ends the log of a run, and says how the run ended.
#pragma once

#include <exception>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace nn {

// Each is the beginning of an object; further fields go behind it with add_json(), then "}\n".

// {"end":"finished"
std::string run_finished();
// {"end":"stopped": of a part of a run that was told to end.
std::string run_stopped();
// {"end":"failed","kind":"data","error":"x.csv:3: 2 cells, expected 3": what the error says, and its "advice"
// where there is some.
std::string run_failed(const Error& error);
// The line for a run that an exception ended: {"end":"stopped","signal":"TERM" for Interrupted and
// BrokenPipe, else run_failed().
std::string run_ended_by(const std::exception_ptr& exception);

}  // namespace nn
