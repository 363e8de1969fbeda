// Lines for a file that may be slow, full or stuck, from threads that must not wait for it.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/file.hpp"
#include "base/json_lines.hpp"
#include "base/lasting_fault.hpp"

namespace nn::serving {

struct LogLimits {
  std::size_t bytes = 4u << 20;           // of lines that wait
  std::chrono::milliseconds flush{1000};  // that the end waits for the file to take them
};

// A thread of its own writes the lines, in their order. Lines that find no room, and lines that can't be
// written, are dropped and counted, and the first line that comes after them says how many. A file that can't
// be written is told of on stderr (base/lasting_fault.hpp). Thread-safe.
class LogWriter {
 public:
  // Makes the line, with its end, that stands for so many that were dropped.
  using DroppedLine = std::function<std::string(std::uint64_t lines)>;

  // Opens the file ("-" is stderr; empty: everything is dropped, and there is no thread). Io errors name the
  // path; Interrupted while it waits for the other side of a FIFO.
  LogWriter(const std::string& path, DroppedLine dropped_line, LogLimits limits = {},
            const Clock& clock = Clock::machine());
  // Waits for limits.flush at most, and warns of lines that were left.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  explicit operator bool() const { return static_cast<bool>(file_); }
  // A line with its end, or so many of them at once, which share their fate. Never waits.
  void add(std::string line, std::uint64_t lines = 1);
  // The same of many lines, for whoever collects more: `block` is empty then, with the memory of one that has
  // been written, where there is one.
  void take(std::string& block, std::uint64_t lines);
  // Lines that were dropped so far, for whichever reason.
  std::uint64_t dropped() const { return dropped_total_.load(std::memory_order_relaxed); }
  // Has the file opened anew behind the lines so far, for logrotate. Where that fails, a warning says so, and
  // the old one stays open.
  void reopen();

 private:
  struct Item {
    std::string line;           // empty: the file is opened anew
    std::uint64_t lines = 0;    // that were asked for
    std::uint64_t dropped = 0;  // or those that it says were dropped
  };
  // With the lock.
  void push(Item item);
  void push_dropped();
  void accept(std::string line, std::uint64_t lines);
  void run();
  void handle(const Item& item);
  std::optional<std::string> write(const Item& item);
  void lose(std::uint64_t lines, std::uint64_t dropped);
  // Why nothing, or only the first `whole` lines, could be written; empty where there is nothing to tell.
  std::optional<std::string> try_to_write(const std::string& lines, std::uint64_t& whole);
  void tell(const std::optional<std::string>& why);
  void reopen_now();

  const DroppedLine dropped_line_;
  const LogLimits limits_;
  LineFile file_;
  UniqueFd end_;  // a timer that goes off when the time to flush is over

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> items_;
  std::vector<std::string> spare_;  // blocks that have been written, empty
  std::size_t bytes_ = 0;           // of items_, and of the line that is being written
  std::uint64_t dropped_ = 0;
  bool closing_ = false;
  std::atomic<std::uint64_t> dropped_total_{0};

  // The writing thread's.
  LastingFault fault_;
  std::uint64_t lost_ = 0;  // lines of which neither they nor a count of them could be written
  std::uint64_t lost_in_fault_ = 0;
  bool given_up_ = false;  // the time to flush is over
  std::thread thread_;
};

}  // namespace nn::serving
