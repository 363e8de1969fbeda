// Text columns hold UTF-8, whatever the input claimed.
#pragma once

#include <string_view>

namespace nn::format {

// Well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing over U+10FFFF.
bool is_utf8(std::string_view text);

}  // namespace nn::format
