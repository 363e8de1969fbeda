// A line of JSON for each request.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "serve/counters.hpp"
#include "serving/log_writer.hpp"

namespace nn::serve {

// What is told of a request. Texts are borrowed; those that are empty, and times of phases that there
// weren't, are left out.
struct LogEntry {
  std::string_view id, peer, protocol, method, path, model, route, token, trace, error;
  std::uint64_t version = 0;  // 0: none
  bool grpc = false;
  int status = 0;
  bool sent = true;  // or the client was gone
  std::int64_t rows = 0, step_rows = 0;
  std::uint64_t bytes_in = 0, bytes_out = 0;
  struct Phases {
    std::chrono::microseconds read{-1}, parse{-1}, queue{-1}, compute{-1}, write{-1}, total{0};
  } us;
};

// Thread-safe. Nothing of it waits for the file (serving/log_writer.hpp).
class AccessLog {
 public:
  // Of requests that went well and took less than `slow`, the part `sample` of them, 0 to 1. Errors as
  // LogWriter has them.
  AccessLog(const std::string& path, double sample, serving::LogLimits limits = {},
            const Clock& clock = Clock::machine());
  void set_sample(double sample) { sample_.store(sample, std::memory_order_relaxed); }
  void reopen() { writer_.reopen(); }
  std::uint64_t lines() const { return lines_.load(std::memory_order_relaxed); }
  std::uint64_t dropped() const { return writer_.dropped(); }

  static constexpr std::chrono::milliseconds slow{1000};

  // A thread's part of it, which collects lines, so that the writer is woken for many at once.
  class Thread {
   public:
    explicit Thread(AccessLog& log) : log_(log), random_(reinterpret_cast<std::uintptr_t>(this) | 1) {}
    ~Thread() { flush(); }
    Thread(const Thread&) = delete;
    Thread& operator=(const Thread&) = delete;
    // Is it one of those that are logged?
    bool wants(bool failed, std::chrono::microseconds total);
    // True where lines wait for flush(), and didn't before: it is to be called soon.
    bool add(const LogEntry& entry);
    void flush();

   private:
    std::string_view beginning();

    AccessLog& log_;
    std::uint64_t random_;
    std::string lines_;
    std::uint64_t count_ = 0;
    std::int64_t second_ = -1;  // since 1970, of beginning_
    std::string beginning_;     // of a line, up to its time
  };

 private:
  const Clock& clock_;
  std::atomic<double> sample_;
  std::atomic<std::uint64_t> lines_{0};
  serving::LogWriter writer_;
};

}  // namespace nn::serve
