// Files with a number in them that are there while a process serves: its pid, its port.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/file.hpp"

namespace nn::process {

class PidFiles {
 public:
  PidFiles() = default;
  PidFiles(const PidFiles&) = delete;
  // Writes the number and a newline to `path`, which appears complete (write_file()), and goes with this
  // object unless it is another's by then. What is written in place, such as a FIFO, stays. Io error.
  void put(const std::string& path, std::int64_t number);

 private:
  std::vector<OwnFile> files_;
};

}  // namespace nn::process
