#include "host_cuda/fiber.hpp"

#if defined(HOST_CUDA_ASAN)
  #include <sanitizer/common_interface_defs.h>
#endif
#if defined(HOST_CUDA_TSAN)
  #include <sanitizer/tsan_interface.h>
#endif

namespace host_cuda {
namespace {
constexpr std::size_t stack_size = 64 * 1024;
}

Fiber* Fiber::previous_ = nullptr;

Fiber::Fiber(void (*entry)()) : stack_(new char[stack_size]), fresh_(true) {
  getcontext(&context_);
  context_.uc_stack.ss_sp = stack_.get();
  context_.uc_stack.ss_size = stack_size;
  context_.uc_link = nullptr;
  makecontext(&context_, entry, 0);
  bottom_ = stack_.get();
  size_ = stack_size;
#if defined(HOST_CUDA_TSAN)
  race_context_ = __tsan_create_fiber(0);
#endif
}

Fiber::~Fiber() {
#if defined(HOST_CUDA_TSAN)
  if (stack_ != nullptr) __tsan_destroy_fiber(race_context_);
#endif
}

void Fiber::switch_to(Fiber& other) {
  previous_ = this;
#if defined(HOST_CUDA_ASAN)
  __sanitizer_start_switch_fiber(&sanitizer_stack_, other.bottom_, other.size_);
#endif
#if defined(HOST_CUDA_TSAN)
  if (race_context_ == nullptr) race_context_ = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(other.race_context_, __tsan_switch_to_fiber_no_sync);
#endif
  jump(other);
  arrived();
}

void Fiber::arrived() {
#if defined(HOST_CUDA_ASAN)
  // Of the thread's own stack only the switch itself tells where it lies.
  __sanitizer_finish_switch_fiber(sanitizer_stack_, &previous_->bottom_, &previous_->size_);
#endif
}

void Fiber::entered([[maybe_unused]] Fiber& from) {
#if defined(HOST_CUDA_ASAN)
  __sanitizer_finish_switch_fiber(nullptr, &from.bottom_, &from.size_);
#endif
}

// swapcontext() makes two system calls, a jump makes none, and that of the compiler is one that
// AddressSanitizer has no part in. ThreadSanitizer knows the former only.
void Fiber::jump(Fiber& other) {
#if defined(HOST_CUDA_TSAN)
  swapcontext(&context_, &other.context_);
#else
  if (__builtin_setjmp(jump_) != 0) return;
  if (other.fresh_) {
    other.fresh_ = false;
    setcontext(&other.context_);
  }
  __builtin_longjmp(other.jump_, 1);
#endif
}

void release([[maybe_unused]] void* p) {
#if defined(HOST_CUDA_TSAN)
  __tsan_release(p);
#endif
}

void acquire([[maybe_unused]] void* p) {
#if defined(HOST_CUDA_TSAN)
  __tsan_acquire(p);
#endif
}

}  // namespace host_cuda
