#include "host_cuda/simt.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include "host_cuda/fiber.hpp"

namespace host_cuda {
namespace {

enum class State { ready, at_barrier, in_warp, done };

struct Thread {
  Position position;
  unsigned number = 0;
  State state = State::ready;
  unsigned line = 0;       // of the barrier it waits at
  std::uint64_t word = 0;  // that it gives its warp
  Fiber* fiber = nullptr;
};

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "host CUDA: %s\n", what);
  std::abort();
}

class Executor {
 public:
  Order order = Order::forward;
  Thread* current = nullptr;

  void run(dim3 grid, dim3 block, const std::function<void()>& kernel);
  void wait(State state);
  std::uint64_t word_of(unsigned number) const { return threads_[number].word; }
  void begin_shared(void* memory, std::size_t size);

 private:
  static void run_threads();
  void begin_block(dim3 grid, dim3 block, uint3 index);
  void run_block();
  bool release_block();
  bool release_warps();
  void resume(Thread& thread);
  void* phase(State state);

  std::vector<Thread> threads_;
  std::vector<unsigned> turns_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> idle_;
  Fiber* main_ = nullptr;  // of the thread that runs the grid
  const std::function<void()>* kernel_ = nullptr;
  std::set<void*> shared_;  // what the block has of it
  std::mt19937 random_{1};
  char start_ = 0, end_ = 0;
  char block_phases_[64] = {}, warp_phases_[32] = {};
  unsigned phase_ = 0;
};

Executor& executor() {
  static Executor instance;
  return instance;
}

void Executor::run_threads() {
  Executor& e = executor();
  Fiber::entered(*e.main_);
  for (;;) {  // a fiber is used for one CUDA thread after another
    acquire(&e.start_);
    (*e.kernel_)();
    release(&e.end_);
    e.current->state = State::done;
    e.current->fiber->switch_to(*e.main_);
  }
}

void Executor::resume(Thread& thread) {
  current = &thread;
  if (thread.fiber == nullptr) {
    if (idle_.empty()) {
      fibers_.push_back(std::make_unique<Fiber>(run_threads));
      idle_.push_back(fibers_.back().get());
    }
    thread.fiber = idle_.back();
    idle_.pop_back();
  }
  main_->switch_to(*thread.fiber);
#if !defined(HOST_CUDA_TSAN)
  // Threads that share a fiber could have no races with each other.
  if (thread.state == State::done) idle_.push_back(thread.fiber);
#endif
}

void* Executor::phase(State state) {
  return state == State::at_barrier ? &block_phases_[phase_ % 64]
                                    : &warp_phases_[current->number / warp_size];
}

void Executor::wait(State state) {
  void* place = phase(state);
  release(place);
  current->state = state;
  current->fiber->switch_to(*main_);
  acquire(place);
}

bool Executor::release_block() {
  const Thread* first = nullptr;
  std::size_t waiting = 0, live = 0;
  for (const Thread& t : threads_) {
    if (t.state == State::done) continue;
    ++live;
    if (t.state != State::at_barrier) continue;
    ++waiting;
    if (first != nullptr && first->line != t.line) fail("threads of a block wait at different barriers");
    first = &t;
  }
  if (waiting == 0 || waiting != live) return false;
  if (live != threads_.size()) fail("a barrier after some threads of the block have returned");
  for (Thread& t : threads_) t.state = State::ready;
  ++phase_;
  return true;
}

bool Executor::release_warps() {
  bool any = false;
  for (std::size_t first = 0; first < threads_.size(); first += warp_size) {
    if (threads_.size() - first < warp_size) fail("a warp that is not full");
    const auto begin = threads_.begin() + static_cast<std::ptrdiff_t>(first), end = begin + warp_size;
    const auto inside = std::count_if(begin, end, [](const Thread& t) { return t.state == State::in_warp; });
    const auto gone = std::count_if(begin, end, [](const Thread& t) { return t.state == State::done; });
    if (inside > 0 && gone > 0) fail("a shuffle with lanes that have returned");
    if (inside != warp_size) continue;
    std::for_each(begin, end, [](Thread& t) { t.state = State::ready; });
    any = true;
  }
  return any;
}

void Executor::begin_block(dim3 grid, dim3 block, uint3 index) {
  const unsigned count = block.x * block.y * block.z;
  threads_.resize(count);
  turns_.resize(count);
  shared_.clear();
  for (unsigned i = 0; i < count; ++i) {
    Thread& t = threads_[i];
    t = {};
    t.number = i;
    t.position.thread = {i % block.x, i / block.x % block.y, i / (block.x * block.y)};
    t.position.block = index;
    t.position.block_size = block;
    t.position.grid_size = grid;
    turns_[i] = order == Order::reverse ? count - 1 - i : i;
  }
}

void Executor::run_block() {
  release(&start_);
  for (;;) {
    if (order == Order::random) std::shuffle(turns_.begin(), turns_.end(), random_);
    bool live = false;
    for (const unsigned i : turns_) {
      if (threads_[i].state == State::ready) resume(threads_[i]);
      live |= threads_[i].state != State::done;
    }
    if (!live) break;
    const bool block = release_block();
    const bool warps = std::any_of(threads_.begin(), threads_.end(),
                                   [](const Thread& t) { return t.state == State::in_warp; }) &&
                       release_warps();
    if (!block && !warps) fail("threads wait for others that never come");
  }
  acquire(&end_);
#if defined(HOST_CUDA_TSAN)
  // Blocks that shared fibers could have no races; and ThreadSanitizer looks away in a process
  // that was forked while there were any.
  idle_.clear();
  fibers_.clear();
#endif
}

void Executor::run(dim3 grid, dim3 block, const std::function<void()>& kernel) {
  const unsigned count = block.x * block.y * block.z;
  if (count == 0 || count > 1024 || block.z > 64) fail("a block of no or too many threads");
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) fail("a grid of no blocks");
  if (grid.x > INT32_MAX || grid.y > 65535 || grid.z > 65535) fail("a grid of too many blocks");
  Fiber main;
  main_ = &main;
  kernel_ = &kernel;
  for (unsigned z = 0; z < grid.z; ++z) {
    for (unsigned y = 0; y < grid.y; ++y) {
      for (unsigned x = 0; x < grid.x; ++x) {
        begin_block(grid, block, {order == Order::reverse ? grid.x - 1 - x : x, y, z});
        run_block();
      }
    }
  }
}

void Executor::begin_shared(void* memory, std::size_t size) {
  if (!shared_.insert(memory).second) return;
  // Not by memset(), which ThreadSanitizer would take for a kernel's access.
  auto* bytes = static_cast<volatile unsigned char*>(memory);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = 0xFF;
}

}  // namespace

namespace {
std::int64_t shrunk_times = 1;
}
void shrink(std::int64_t times) { shrunk_times = times; }
std::int64_t shrunk(std::int64_t limit) { return std::max<std::int64_t>(limit / shrunk_times, 1); }

void set_order(Order order) { executor().order = order; }
const Position& position() { return executor().current->position; }
void begin_shared(void* memory, std::size_t size) { executor().begin_shared(memory, size); }

void run_grid(dim3 grid, dim3 block, const std::function<void()>& kernel) {
  executor().run(grid, block, kernel);
}

void wait_for_block(unsigned line) {
  executor().current->line = line;
  executor().wait(State::at_barrier);
}

namespace {

// read(number of the thread, word of a thread by its number)
template <typename Read>
std::uint64_t among_lanes(std::uint64_t word, Read read) {
  Executor& e = executor();
  Thread& self = *e.current;
  self.word = word;
  e.wait(State::in_warp);
  const std::uint64_t result = read(self.number, [&](unsigned number) { return e.word_of(number); });
  e.wait(State::in_warp);  // nobody gives its next word before all have read this one
  return result;
}

unsigned first_lane(unsigned number) { return number / warp_size * warp_size; }

}  // namespace

std::uint64_t exchange(std::uint64_t word, unsigned distance) {
  return among_lanes(word, [&](unsigned self, auto word_at) { return word_at(self ^ distance); });
}

std::uint64_t word_of(std::uint64_t word, unsigned lane) {
  if (lane >= warp_size) fail("a shuffle from a lane that a warp hasn't");
  return among_lanes(word, [&](unsigned self, auto word_at) { return word_at(first_lane(self) + lane); });
}

std::uint32_t ballot(bool given) {
  return static_cast<std::uint32_t>(among_lanes(given ? 1 : 0, [](unsigned self, auto word_at) {
    std::uint64_t bits = 0;
    for (unsigned lane = 0; lane < warp_size; ++lane) bits |= word_at(first_lane(self) + lane) << lane;
    return bits;
  }));
}

}  // namespace host_cuda
