// Standard input and output as one socket. They may be anything, a file as well as a pipe, and
// may be shared with other processes: two threads that wait copy, and no flag of theirs is changed.
#pragma once

#include <memory>
#include <thread>

#include "base/file.hpp"
#include "base/wait.hpp"

namespace nn::worker {

class StdioBridge {
 public:
  StdioBridge();
  // Waits until what was written to the socket is on standard output, as long as somebody reads there: at
  // most a second.
  ~StdioBridge();
  UniqueFd take_socket() { return std::move(ours_); }

 private:
  void copy_output();
  UniqueFd ours_;
  std::shared_ptr<UniqueFd> theirs_;
  WakeUp done_, give_up_;
  std::thread output_;
};

}  // namespace nn::worker
