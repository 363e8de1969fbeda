// The style sheet of the page, lib/evaluate/report_page.css, put in by CMake.
#pragma once

#include <string_view>

namespace nn::evaluate {

extern const std::string_view report_page_css;

}  // namespace nn::evaluate
