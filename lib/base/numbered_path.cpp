#include "base/numbered_path.hpp"

#include <fmt/format.h>

namespace nn {

std::string numbered_path(const std::string& path, std::string_view number) {
  const auto slash = path.rfind('/');
  const auto dot = path.rfind('.');
  const bool extension =
      dot != std::string::npos && dot > 0 && (slash == std::string::npos || dot > slash + 1);
  const auto at = extension ? dot : path.size();
  return fmt::format("{}-{}{}", path.substr(0, at), number, path.substr(at));
}

}  // namespace nn
