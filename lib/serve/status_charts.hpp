// Small pictures of the status page, as SVG. For this module only.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "serve/status.hpp"

namespace nn::serve {

// Text for HTML and SVG, in and outside of attributes.
std::string html(std::string_view text);

// Requests and faults a second, of the last quarter of an hour.
std::string rate_chart(const ServerStatus& status);
// p50 and p99 of those that were answered, on a logarithmic scale.
std::string latency_chart(const ServerStatus& status);
// How many requests took how long, since the version was loaded.
std::string histogram_chart(const TimeCounts& times);
// Microseconds a row of steps of so many rows, as measured, and where steps are cut.
std::string batch_chart(const serving::DeviceLoad& load, std::chrono::microseconds slo);

}  // namespace nn::serve
