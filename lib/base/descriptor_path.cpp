#include "base/descriptor_path.hpp"

#include <unistd.h>

#include <charconv>

namespace nn {

std::optional<int> descriptor_named(std::string_view path) {
  if (path == "/dev/stdout") return STDOUT_FILENO;
  if (path == "/dev/stderr") return STDERR_FILENO;
  for (const std::string_view folder : {"/dev/fd/", "/proc/self/fd/"}) {
    if (!path.starts_with(folder)) continue;
    path.remove_prefix(folder.size());
    int fd = -1;
    const auto result = std::from_chars(path.data(), path.data() + path.size(), fd);
    if (result.ec == std::errc() && result.ptr == path.data() + path.size() && fd >= 0) return fd;
  }
  return std::nullopt;
}

}  // namespace nn
