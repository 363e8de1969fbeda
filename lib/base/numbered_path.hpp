// Names of several files where one was named.
#pragma once

#include <string>
#include <string_view>

namespace nn {

// "m.nn" and "2": "m-2.nn". What nn-train calls the model of its second member.
std::string numbered_path(const std::string& path, std::string_view number);

}  // namespace nn
