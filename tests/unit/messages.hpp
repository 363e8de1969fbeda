// What a test's program prints to stderr.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "base/file.hpp"

namespace nn::test {

// Lines that are printed meanwhile, instead of to stderr.
class Messages {
 public:
  Messages() : saved_(::dup(STDERR_FILENO)) {
    auto [reader, writer] = make_pipe();
    ::dup2(writer.get(), STDERR_FILENO);
    reader_ = std::move(reader);
  }
  Messages(const Messages&) = delete;
  ~Messages() { ::dup2(saved_.get(), STDERR_FILENO); }

  // Waits for one.
  std::string next() const {
    std::string text;
    for (char c = 0; ::read(reader_.get(), &c, 1) == 1 && c != '\n';) text += c;
    return text;
  }
  // Those that are there.
  std::vector<std::string> take() const {
    std::vector<std::string> lines;
    for (pollfd readable{reader_.get(), POLLIN, 0}; ::poll(&readable, 1, 0) == 1;) lines.push_back(next());
    return lines;
  }

 private:
  UniqueFd saved_, reader_;
};

}  // namespace nn::test
