#include "base/version.hpp"

namespace nn {

std::string_view tools_version() { return NN_VERSION; }

std::string_view tools_commit() {
  constexpr std::string_view commit = NN_COMMIT;
  return commit.empty() ? "unknown" : commit;
}

}  // namespace nn
