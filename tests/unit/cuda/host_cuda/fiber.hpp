// Contexts of execution that take turns on one thread: a CUDA thread each. Sanitizers are
// told of every switch: HOST_CUDA_ASAN, HOST_CUDA_TSAN. Compiled without them, as the executor's own
// memory would be full of races to ThreadSanitizer.
#pragma once

#include <ucontext.h>

#include <cstddef>
#include <memory>

namespace host_cuda {

class Fiber {
 public:
  Fiber() = default;  // the context of the thread itself, to come back to
  // Runs `entry`, which never returns, from the first switch on.
  explicit Fiber(void (*entry)());
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // From this one, which runs, to the other; returns when something switches back.
  void switch_to(Fiber& other);
  // To be called first by an entry, with the fiber that switched to it.
  static void entered(Fiber& from);

 private:
  void jump(Fiber& other);
  void arrived();

  std::unique_ptr<char[]> stack_;
  ucontext_t context_{};
  void* jump_[5] = {};
  bool fresh_ = false;
  void* sanitizer_stack_ = nullptr;  // ASan: its fake stack while others run
  const void* bottom_ = nullptr;     // ASan: of the stack
  std::size_t size_ = 0;
  void* race_context_ = nullptr;  // TSan
  static Fiber* previous_;        // who switched last
};

// What happens before `release(p)` in one fiber is seen after `acquire(p)` in another.
void release(void* p);
void acquire(void* p);

}  // namespace host_cuda
