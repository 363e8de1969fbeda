#include "process/pid_file.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "base/file.hpp"

namespace nn::process {

PidFiles::~PidFiles() {
  for (const std::string& path : paths_) ::unlink(path.c_str());
}

void PidFiles::put(const std::string& path, std::int64_t number) {
  write_file(path, fmt::format("{}\n", number));
  paths_.push_back(path);
}

}  // namespace nn::process
