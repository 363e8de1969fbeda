// Tells others what a loader's thread is at. Internal to it.
#pragma once

#include <utility>

#include "serving/loader.hpp"

namespace nn::serving {

// While it lives; then it is again what it was before.
class Loader::Doing {
 public:
  Doing(Loader& loader, std::string what) : activity_(loader.activity_), before_(set(std::move(what))) {}
  ~Doing() { set(std::move(before_)); }
  Doing(const Doing&) = delete;
  Doing& operator=(const Doing&) = delete;

 private:
  std::string set(std::string what) {
    const std::lock_guard lock(activity_.mutex);
    activity_.computed = std::chrono::nanoseconds(-1);
    return std::exchange(activity_.what, std::move(what));
  }
  Activity& activity_;
  std::string before_;
};

}  // namespace nn::serving
