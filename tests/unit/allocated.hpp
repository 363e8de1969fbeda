// Bytes that operator new gave out and has not got back, in a program that links allocated.cpp.
#pragma once

#include <cstddef>

namespace nn::test {

// The most since the last call of start(), beyond what there was then. All threads count.
class AllocatedBytes {
 public:
  AllocatedBytes() { start(); }
  void start();
  std::size_t most() const;
  // Those that have not been given back.
  std::size_t kept() const;
  // How often operator new has been called since then.
  std::size_t count() const;

 private:
  std::size_t before_ = 0, calls_before_ = 0;
};

}  // namespace nn::test
