// What a client needs to be let in by a worker.
#pragma once

#include <chrono>
#include <string>

namespace nn {

struct Access {
  std::string token_file;  // empty: none
  std::chrono::milliseconds connect_timeout{5000};
};

}  // namespace nn
