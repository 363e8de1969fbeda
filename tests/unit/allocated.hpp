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

// While it lives, one call of operator new in this thread throws std::bad_alloc, where it may throw: the one
// after so many others.
class FailingAllocation {
 public:
  explicit FailingAllocation(std::size_t after);
  ~FailingAllocation();
  FailingAllocation(const FailingAllocation&) = delete;
  FailingAllocation& operator=(const FailingAllocation&) = delete;
  // Were there so many calls?
  bool failed() const;
};

}  // namespace nn::test
