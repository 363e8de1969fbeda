// The version of these tools, said once.
#pragma once

#include <string_view>

namespace nn {

// "0.1.0", as CMakeLists.txt has it.
std::string_view tools_version();
// "4f2a91c07be3", the commit that was there when the build folder was configured, or "unknown".
std::string_view tools_commit();

}  // namespace nn
