// The version of these tools, said once.
#pragma once

#include <string_view>

namespace nn {

// "0.1.0", as CMakeLists.txt has it.
std::string_view tools_version();

}  // namespace nn
