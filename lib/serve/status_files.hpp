// Files of the status page, and what is asked at which path, put in by CMake. For this module only.
#pragma once

#include <string_view>

namespace nn::serve {

extern const std::string_view status_css, status_js, openapi_yaml;

}  // namespace nn::serve
