// The names of a file's columns, for completion: at once, and without a word where there are none.
#pragma once

#include <string>
#include <vector>

namespace nn::format {

// As the file has them, from its beginning alone. Empty for what is no regular file with names: nothing else
// is opened, and errors are none.
std::vector<std::string> column_names(const std::string& path);

}  // namespace nn::format
