#include "base/version.hpp"

namespace nn {

std::string_view tools_version() { return NN_VERSION; }

}  // namespace nn
