#include "backend/cpu/team.hpp"

#include <atomic>
#include <exception>
#include <map>
#include <thread>
#include <utility>

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

std::shared_ptr<Team> team_of(const Device& device) {
  if (thread_count(device) == 1) return nullptr;
  // Threads of a device without cores of its own may use those of the thread that starts them.
  using Cores = std::vector<int>;
  using Key = std::pair<Cores, Cores>;
  static std::mutex mutex;
  static std::map<Key, std::weak_ptr<Team>> teams;
  const Key key{device.cores, device.cores.empty() ? usable_cores() : Cores()};
  const std::scoped_lock lock(mutex);
  std::weak_ptr<Team>& known = teams[key];
  auto team = known.lock();
  if (team == nullptr) known = team = std::make_shared<Team>(device);
  return team;
}

// One of each core but the caller's.
class Team::Threads {
 public:
  Threads(const Device& device, int size);
  ~Threads() { end(); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;
  void run(Job job, void* context);

 private:
  void work(int part, const Device& own);
  void end();

  std::atomic<std::uint32_t> round_{0};
  std::atomic<int> unfinished_{0};
  bool stop_ = false;
  Job job_ = nullptr;
  void* context_ = nullptr;
  std::vector<std::thread> threads_;
};

Team::Threads::Threads(const Device& device, int size) {
  try {
    for (int part = 1; part < size; ++part) {
      Device own;  // all cores, where the device has none in particular
      if (!device.cores.empty()) own.cores = {device.cores[static_cast<std::size_t>(part)]};
      threads_.emplace_back([this, part, own] { work(part, own); });
    }
  } catch (...) {
    end();
    throw;
  }
}

void Team::Threads::end() {
  stop_ = true;
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Team::Threads::run(Job job, void* context) {
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

void Team::Threads::work(int part, const Device& own) {
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

Team::Team(const Device& device, double least) : device_(device), least_(least), size_(thread_count(device)) {
  if (auto threads = take()) idle_.push_back(std::move(threads));
}

Team::~Team() = default;

// Threads that nobody uses, or new ones; null where the system has none.
std::unique_ptr<Team::Threads> Team::take() {
  if (size_ == 1) return nullptr;
  {
    const std::scoped_lock lock(mutex_);
    if (!idle_.empty()) {
      auto threads = std::move(idle_.back());
      idle_.pop_back();
      return threads;
    }
  }
  try {
    auto threads = std::make_unique<Threads>(device_, size_);
    const std::scoped_lock lock(mutex_);
    idle_.reserve(++made_);  // giving them back must not fail
    return threads;
  } catch (const std::exception&) {
    return nullptr;
  }
}

void Team::run_job(Job job, void* context) {
  auto threads = take();
  if (!threads) {
    for (int part = 0; part < size_; ++part) job(context, part);
    return;
  }
  threads->run(job, context);
  const std::scoped_lock lock(mutex_);
  idle_.push_back(std::move(threads));
}

}  // namespace nn::backend::cpu
