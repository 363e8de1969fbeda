#include "base/clock.hpp"

namespace nn {
namespace {

class MachineClock : public Clock {
 public:
  time_point now() const override { return std::chrono::steady_clock::now(); }
  std::chrono::system_clock::time_point date() const override { return std::chrono::system_clock::now(); }
  std::unique_ptr<Alarm> alarm(time_point, std::function<void()>) override { return nullptr; }
};

}  // namespace

Clock& Clock::machine() {
  static MachineClock clock;
  return clock;
}

}  // namespace nn
