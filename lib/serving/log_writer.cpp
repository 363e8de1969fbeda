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
    push_dropped();
    struct itimerspec time {};
    const auto ns = std::max<std::chrono::nanoseconds>(limits_.flush, std::chrono::nanoseconds(1)).count();
    time.it_value = {ns / 1'000'000'000, ns % 1'000'000'000};
    ::timerfd_settime(end_.get(), 0, &time, nullptr);
    changed_.notify_all();
  }
  thread_.join();
  if (lost_ > 0) warn("{}: the last {} lines of the log could not be written", file_.path(), lost_);
}

void LogWriter::push(Item item) {
  bytes_ += item.line.size();
  items_.push_back(std::move(item));
}

void LogWriter::push_dropped() {
  if (dropped_ == 0) return;
  push({dropped_line_(dropped_), 0, dropped_});
  dropped_ = 0;
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
  push_dropped();
  push({std::move(line), lines, 0});
  changed_.notify_all();
}

void LogWriter::reopen() {
  if (!file_) return;
  const std::lock_guard lock(mutex_);
  // Two in a row are one.
  if (!items_.empty() && items_.back().line.empty()) return;
  push({"", 0, 0});
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
  std::optional<std::string> why = "";
  try {
    if (item.line.empty()) return reopen_now();
    why = write(item);
  } catch (const std::exception& error) {  // no memory, most likely: the next may fare better
    lose(item.lines, item.dropped);
  }
  tell(why);
}

// Those that were dropped before are counted already.
void LogWriter::lose(std::uint64_t lines, std::uint64_t dropped) {
  lost_ += lines + dropped;
  lost_in_fault_ += lines + dropped;
  dropped_total_.fetch_add(lines, std::memory_order_relaxed);
}

// Of several lines the first may be in the file when it is full.
std::optional<std::string> LogWriter::write(const Item& item) {
  std::uint64_t whole = 0;
  auto why = lost_ > 0 ? try_to_write(dropped_line_(lost_), whole) : std::nullopt;
  if (!why) {
    lost_ = 0;
    why = try_to_write(item.line, whole);
    if (!why) return why;
  } else {
    whole = 0;
  }
  lose(item.lines - std::min(item.lines, whole), item.dropped);
  return why;
}

std::optional<std::string> LogWriter::try_to_write(const std::string& lines, std::uint64_t& whole) {
  whole = 0;
  if (given_up_) return "";
  std::size_t bytes = 0;
  std::optional<std::string> why;
  try {
    if (file_.write_until(lines, {end_.get()}, &bytes)) return std::nullopt;
    given_up_ = true;
    why = "";
  } catch (const Error& error) {
    why = error.what();
  } catch (const BrokenPipe&) {
    why = file_.path() + ": nobody reads it";
  }
  const auto end = lines.begin() + static_cast<std::ptrdiff_t>(bytes);
  whole = static_cast<std::uint64_t>(std::count(lines.begin(), end, '\n'));
  return why;
}

void LogWriter::tell(const std::optional<std::string>& why) {
  if (!why) {
    if (!fault_.passed()) return;
    warn("{}: the log can be written again; {} lines were lost", file_.path(), lost_in_fault_);
    lost_in_fault_ = 0;
  } else if (!why->empty()) {
    const auto told = fault_.came();
    if (!told) return;
    told->begins ? warn("{}; lines of the log are lost until it can be written", *why)
                 : warn("{}; {} lines of the log are lost so far", *why, lost_in_fault_);
  }
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
