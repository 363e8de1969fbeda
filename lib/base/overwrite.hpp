// Outputs that would destroy what is read.
#pragma once

#include <string>
#include <vector>

namespace nn {

// What a program is going to read and to write, by the names it was given. "-" is standard input or output;
// an empty name is none.
struct FilesOfRun {
  std::vector<std::string> read, written;
};

// Usage error where a file that is written is one that is read, or is written twice: under the same name, or
// under another one that is the same file (a link, another way to its folder). To be called before the first
// of them is opened for writing. What is_written_in_place() (base/file.hpp) destroys nothing, and may be
// named as often as it likes; a file that is gone on with, such as a checkpoint, isn't one of `read`.
void refuse_overwriting(const FilesOfRun& files);

}  // namespace nn
