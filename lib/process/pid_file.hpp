// Files with a number in them that are there while a process serves: its pid, its port.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace nn::process {

class PidFiles {
 public:
  PidFiles() = default;
  PidFiles(const PidFiles&) = delete;
  ~PidFiles();  // removes them
  // Writes the number and a newline to `path`, which appears complete (write_file()). Io error.
  void put(const std::string& path, std::int64_t number);

 private:
  std::vector<std::string> paths_;
};

}  // namespace nn::process
