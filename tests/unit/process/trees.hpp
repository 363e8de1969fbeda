// Commands whose children hold a pipe open as well: reading it ends when all of them have ended.
#pragma once

#include <unistd.h>

#include <array>
#include <memory>
#include <string>

#include "process/child.hpp"

namespace nn::process::test {

inline std::string read_all(int fd) {
  std::string text;
  std::array<char, 256> bytes{};
  for (ssize_t n; (n = ::read(fd, bytes.data(), bytes.size())) > 0;) {
    text.append(bytes.data(), static_cast<std::size_t>(n));
  }
  return text;
}

inline Command shell(const std::string& script) {
  Command command;
  command.words = {"/bin/sh", "-c", script};
  return command;
}

class Tree {
 public:
  // Returns when the script has written a line to its standard output, an empty one.
  explicit Tree(const std::string& script, std::chrono::milliseconds patience = std::chrono::seconds(20)) {
    auto [reader, writer] = make_pipe();
    Command command = shell(script);
    command.descriptors = {{writer.get(), STDOUT_FILENO}};
    command.patience = patience;
    child = std::make_unique<Child>(std::move(command));
    reader_ = std::move(reader);
    char newline = 0;
    started = ::read(reader_.get(), &newline, 1) == 1 && newline == '\n';
  }
  // What they write until the last of them has ended.
  std::string rest() const { return read_all(reader_.get()); }

  std::unique_ptr<Child> child;
  bool started = false;

 private:
  UniqueFd reader_;
};

}  // namespace nn::process::test
