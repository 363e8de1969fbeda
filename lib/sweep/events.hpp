// The events of TensorBoard that a study becomes, as records of an event file (format/event_file.hpp). Pure.
#pragma once

#include <string>
#include <string_view>

#include "study/study.hpp"

namespace nn::sweep {

// The file of the study's own folder: its parameters and objectives, for the HParams dashboard.
std::string experiment_events(const study::Study& study);
// The file of a trial's folder: its parameters, reports, and, when it has ended, how. `name` is what the
// dashboard calls it.
std::string trial_events(const study::Study& study, const study::Trial& trial, std::string_view name);

// Parts of that, for who appends.
std::string report_events(const study::Study& study, const study::Trial& trial, const study::Report& report,
                          std::string_view metrics_json);
std::string end_events(const study::Study& study, const study::Trial& trial);  // of one that has ended
// What was there from this step on doesn't count any more: a later attempt begins again.
std::string restart_event(const study::Trial& trial, std::int64_t step);
// Whether the content of a record is the last that end_events() has.
bool is_end_event(std::string_view content);

}  // namespace nn::sweep
