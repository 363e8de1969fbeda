#include "process/pid_file.hpp"

#include <fmt/format.h>

namespace nn::process {

void PidFiles::put(const std::string& path, std::int64_t number) {
  if (const auto made = write_file(path, fmt::format("{}\n", number))) files_.emplace_back(path, *made);
}

}  // namespace nn::process
