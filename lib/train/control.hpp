// What whoever started a run may tell it meanwhile: lines at a descriptor, `stop MEMBER`.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

namespace nn::train {

// Thread-safe.
class Control {
 public:
  // The descriptor is the caller's, and may be closed at its other end; -1: nobody tells anything.
  explicit Control(int descriptor) : listens_(descriptor >= 0), descriptor_(descriptor) {}
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  // Whether member `number`, from 1, is to train no more. Reads what is there, and never waits. Looks at the
  // descriptor every so many milliseconds at most, so that it may be asked after each step.
  bool is_stopped(std::int64_t number);

 private:
  void read();
  void take(std::string_view line);

  const bool listens_;
  std::mutex mutex_;
  int descriptor_;       // -1: its other side is closed
  std::string pending_;  // the beginning of a line
  std::set<std::int64_t> stopped_;
  std::chrono::steady_clock::time_point next_{};
};

}  // namespace nn::train
