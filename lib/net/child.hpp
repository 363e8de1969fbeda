// A command that speaks on its standard input and output.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/file.hpp"

namespace nn {

class Child {
 public:
  // Starts argv (looked up in PATH), with one end of a socket pair as stdin and stdout, and our
  // stderr. Io error when it can't be started.
  explicit Child(const std::vector<std::string>& argv);
  Child(const Child&) = delete;
  // Ends it: waits a second, then SIGTERM, a second more, then SIGKILL.
  ~Child();

  UniqueFd take_socket() { return std::move(socket_); }  // our end

 private:
  bool ended_within(int milliseconds);
  pid_t pid_ = -1;
  UniqueFd socket_;
};

}  // namespace nn
