// The style sheets of pictures and page and the page's script: lib/chart/*.css and *.js, put in by CMake.
#pragma once

#include <string_view>

namespace nn::chart {

extern const std::string_view picture_css, page_css, page_js;

}  // namespace nn::chart
