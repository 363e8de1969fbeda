// Paths that stand for open descriptors.
#pragma once

#include <optional>
#include <string_view>

namespace nn {

// What a path like /dev/stdout, /dev/fd/3 or /proc/self/fd/3 stands for. Opening it would give a second place
// in the file, or cut it off; renaming over it would replace the machine's.
std::optional<int> descriptor_named(std::string_view path);

}  // namespace nn
