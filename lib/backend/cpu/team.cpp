#include "backend/cpu/team.hpp"

#include "backend/cpu/denormals.hpp"

namespace nn::backend::cpu {
namespace {

// A thread looks this often before it sleeps: for some ten microseconds, which is more than
// lies between the parts of one step.
constexpr int spins = 2000;

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

template <typename T>
void wait_while(const std::atomic<T>& value, T seen) {
  for (int i = 0; i < spins; ++i) {
    if (value.load(std::memory_order_acquire) != seen) return;
    pause();
  }
  value.wait(seen, std::memory_order_acquire);
}

}  // namespace

Team::Team(const Device& device, double least) : least_(least) {
  for (int part = 1; part < thread_count(device); ++part) {
    Device own;  // all cores, where the device has none in particular
    if (!device.cores.empty()) own.cores = {device.cores[static_cast<std::size_t>(part)]};
    threads_.emplace_back([this, part, own] { work(part, own); });
  }
}

Team::~Team() {
  stop_ = true;
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Team::run_job(Job job, void* context) {
  const std::unique_lock lock(busy_, std::try_to_lock);
  if (threads_.empty() || !lock) {
    for (int part = 0; part < size(); ++part) job(context, part);
    return;
  }
  job_ = job;
  context_ = context;
  unfinished_.store(static_cast<int>(threads_.size()), std::memory_order_relaxed);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  job(context, 0);
  for (int left = unfinished_.load(std::memory_order_acquire); left > 0;
       left = unfinished_.load(std::memory_order_acquire)) {
    wait_while(unfinished_, left);
  }
}

void Team::work(int part, const Device& own) {
  pin_thread(own);
  const FlushDenormals flush;
  std::uint32_t seen = 0;
  for (;;) {
    wait_while(round_, seen);
    ++seen;
    if (stop_) return;
    job_(context_, part);
    unfinished_.fetch_sub(1, std::memory_order_release);
    unfinished_.notify_one();
  }
}

}  // namespace nn::backend::cpu
