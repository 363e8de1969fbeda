#include "serving/log_writer.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"

namespace nn::serving {
namespace {

constexpr std::size_t least_kept = 16 << 10, most_kept = 4;  // bytes of a block; blocks

}  // namespace

LogWriter::LogWriter(const std::string& path, DroppedLine dropped_line, LogLimits limits, const Clock& clock)
    : dropped_line_(std::move(dropped_line)),
      limits_(limits),
      file_(path, {.standard = STDERR_FILENO}),
      fault_(clock) {
  if (!file_) return;
  end_ = UniqueFd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!end_) fail_errno("timerfd");
  spare_.reserve(most_kept);
  thread_ = std::thread([this] { run(); });
}

LogWriter::~LogWriter() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    if (dropped_ > 0) push(dropped_line_(std::exchange(dropped_, 0)));
    struct itimerspec time {};
    const auto ns = std::max<std::chrono::nanoseconds>(limits_.flush, std::chrono::nanoseconds(1)).count();
    time.it_value = {ns / 1'000'000'000, ns % 1'000'000'000};
    ::timerfd_settime(end_.get(), 0, &time, nullptr);
    changed_.notify_all();
  }
  thread_.join();
  if (lost_ > 0) warn("{}: the last {} lines of the log could not be written", file_.path(), lost_);
}

void LogWriter::push(std::string line, std::uint64_t lines) {
  bytes_ += line.size();
  items_.push_back({std::move(line), lines});
}

void LogWriter::add(std::string line, std::uint64_t lines) {
  if (!file_) return;
  const std::lock_guard lock(mutex_);
  accept(std::move(line), lines);
}

void LogWriter::take(std::string& block, std::uint64_t lines) {
  if (!file_) return block.clear();
  const std::lock_guard lock(mutex_);
  std::string next;
  if (!spare_.empty()) {
    next = std::move(spare_.back());
    spare_.pop_back();
  } else {
    next.reserve(block.capacity());
  }
  block.swap(next);
  accept(std::move(next), lines);
}

void LogWriter::accept(std::string line, std::uint64_t lines) {
  // Once lines are dropped, all are until there is room for many: each gap has a line of its own.
  const bool full = dropped_ > 0 ? bytes_ > limits_.bytes / 2 : bytes_ + line.size() > limits_.bytes;
  if (full) {
    dropped_ += lines;
    dropped_total_.fetch_add(lines, std::memory_order_relaxed);
    return;
  }
  if (dropped_ > 0) push(dropped_line_(std::exchange(dropped_, 0)));
  push(std::move(line), lines);
  changed_.notify_all();
}

void LogWriter::reopen() {
  if (!file_) return;
  const std::lock_guard lock(mutex_);
  // Two in a row are one.
  if (!items_.empty() && items_.back().line.empty()) return;
  push({});
  changed_.notify_all();
}

void LogWriter::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return closing_ || !items_.empty(); });
    if (items_.empty()) return;
    Item item = std::move(items_.front());
    items_.pop_front();
    lock.unlock();
    handle(item);
    lock.lock();
    bytes_ -= item.line.size();
    if (item.line.capacity() >= least_kept && spare_.size() < most_kept) {
      item.line.clear();
      spare_.push_back(std::move(item.line));
    }
  }
}

void LogWriter::handle(const Item& item) {
  try {
    item.line.empty() ? reopen_now() : write(item);
  } catch (const std::exception& error) {  // no memory, most likely: the next may fare better
    lose(item);
  }
}

void LogWriter::lose(const Item& item) {
  lost_ += item.lines;
  dropped_total_.fetch_add(item.lines, std::memory_order_relaxed);
}

void LogWriter::write(const Item& item) {
  if (lost_ > 0) {
    if (!try_to_write(dropped_line_(lost_))) return lose(item);
    lost_ = 0;
  }
  if (!try_to_write(item.line)) return lose(item);
  if (const auto times = fault_.passed()) {
    warn("{}: the log can be written again; {} lines were lost", file_.path(), *times);
  }
}

bool LogWriter::try_to_write(const std::string& line) {
  if (given_up_) return false;
  std::string why;
  try {
    if (file_.write_until(line, {end_.get()})) return true;
    given_up_ = true;
    return false;
  } catch (const Error& error) {
    why = error.what();
  } catch (const BrokenPipe&) {
    why = file_.path() + ": nobody reads it";
  }
  if (const auto told = fault_.came()) {
    told->begins ? warn("{}; lines of the log are lost until it can be written", why)
                 : warn("{}; {} lines of the log are lost so far", why, told->times);
  }
  return false;
}

void LogWriter::reopen_now() {
  if (given_up_) return;
  try {
    if (!file_.reopen({end_.get()})) given_up_ = true;
  } catch (const Error& error) {
    warn("{}; the log goes on in the file that was open", error.what());
  }
}

}  // namespace nn::serving
