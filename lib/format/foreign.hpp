// Formats that are not read here, by name. For this module only.
#pragma once

#include <string>
#include <string_view>

namespace nn::format {

// Unsupported error for an input that begins like a file of such a format; its advice is the command that
// converts it.
void refuse_foreign(std::string_view head, const std::string& name);

}  // namespace nn::format
