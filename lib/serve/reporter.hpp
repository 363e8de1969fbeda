// A thread for what a server tells about itself, which takes time with many models: clients that want answers
// don't wait for it. For this module only.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace nn::serve {

// Thread-safe. The thread gives way to others.
class Reporter {
 public:
  Reporter();
  ~Reporter() { stop(); }
  Reporter(const Reporter&) = delete;
  Reporter& operator=(const Reporter&) = delete;

  // Calls the function in the thread, after those that were given before; it must not throw. Nothing of it
  // after stop().
  void post(std::function<void()> call);
  // Waits for the call that is under way; the others are let go.
  void stop();

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> calls_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace nn::serve
