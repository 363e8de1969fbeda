// Standard input and output as one socket. They may be anything, a file as well as a pipe, and
// may be shared with other processes: two threads that wait copy, and no flag of theirs is changed.
#pragma once

#include <thread>

#include "base/file.hpp"

namespace nn::worker {

class StdioBridge {
 public:
  StdioBridge();
  // Waits until what was written to the socket is on standard output. Close the socket first.
  ~StdioBridge();
  UniqueFd take_socket() { return std::move(ours_); }

 private:
  UniqueFd ours_;
  std::thread output_;
};

}  // namespace nn::worker
