// A journal's file in memory, which several Journals may have open, and which fails where a test says so.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "../manual_clock.hpp"
#include "study/journal.hpp"

namespace nn::test {

struct FakeDisk {
  std::string bytes;
  bool locked = false;
  std::size_t syncs = 0, writes = 0;
  // Of the next writes, how many bytes there is room for; then the error, once.
  std::optional<std::size_t> room;
  int write_error = ENOSPC;
  int sync_error = 0, truncate_error = 0;
  bool replaced = false;
  int inode = 1;
  // What was opened before it fails with this error, whatever is done with it, and has lost its lock.
  int lost_error = 0;
  std::size_t opened = 0, lost_before = 0;
  void lose(int error) {
    lost_error = error;
    lost_before = opened;
    locked = false;
  }
  std::function<void()> before_write = {}, before_sync = {};
};

class FakeFile : public study::JournalFile {
 public:
  explicit FakeFile(FakeDisk& disk) : disk_(disk), number_(disk.opened++), inode_(disk.inode) {}
  std::uint64_t size() override {
    check();
    return disk_.bytes.size();
  }
  std::size_t read(std::span<char> out, std::uint64_t at) override {
    check();
    if (at >= disk_.bytes.size()) return 0;
    const std::size_t n = std::min(out.size(), disk_.bytes.size() - at);
    std::copy_n(disk_.bytes.begin() + static_cast<std::ptrdiff_t>(at), n, out.begin());
    return n;
  }
  long write(std::span<const char> bytes, std::uint64_t at) override {
    ++disk_.writes;
    if (disk_.before_write) std::exchange(disk_.before_write, nullptr)();
    if (is_lost()) {
      errno = disk_.lost_error;
      return -1;
    }
    if (disk_.room && *disk_.room == 0) {
      errno = disk_.write_error;
      return -1;
    }
    const std::size_t n = disk_.room ? std::min(*disk_.room, bytes.size()) : bytes.size();
    if (disk_.room) *disk_.room -= n;
    disk_.bytes.resize(std::max(disk_.bytes.size(), at + n));
    std::copy_n(bytes.begin(), n, disk_.bytes.begin() + static_cast<std::ptrdiff_t>(at));
    return static_cast<long>(n);
  }
  int truncate(std::uint64_t size) override {
    if (disk_.truncate_error != 0 || is_lost()) {
      errno = is_lost() ? disk_.lost_error : disk_.truncate_error;
      return -1;
    }
    disk_.bytes.resize(size);
    return 0;
  }
  int sync() override {
    ++disk_.syncs;
    if (disk_.before_sync) std::exchange(disk_.before_sync, nullptr)();
    if (disk_.sync_error == 0 && !is_lost()) return 0;
    errno = is_lost() ? disk_.lost_error : disk_.sync_error;
    return -1;
  }
  bool try_lock() override {
    check();
    if (disk_.locked) return false;
    return disk_.locked = mine_ = true;
  }
  void unlock() override {
    if (std::exchange(mine_, false) && !is_lost()) disk_.locked = false;
  }
  bool is_current() override { return !disk_.replaced && inode_ == disk_.inode; }
  std::string identity() const override { return std::to_string(inode_); }
  bool has_sure_locks() override { return true; }

 private:
  bool is_lost() const { return number_ < disk_.lost_before; }
  void check() const {
    if (is_lost()) throw study::FileLost(ErrorKind::io, "lost");
  }
  FakeDisk& disk_;
  std::size_t number_;
  int inode_;
  bool mine_ = false;
};

// A folder of its own, removed at the end.
class Folder {
 public:
  Folder() {
    std::string pattern = "/tmp/nn-study-XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// Waits by moving the clock.
inline study::Patience patience(ManualClock& clock) {
  study::Patience patience;
  patience.clock = &clock;
  patience.pause = [&clock](Clock::duration time) { clock.advance(time); };
  return patience;
}

inline study::Journal::How on(FakeDisk& disk, ManualClock& clock) {
  study::Journal::How how;
  how.write = true;
  how.patience = patience(clock);
  how.open = [&disk] { return std::make_unique<FakeFile>(disk); };
  return how;
}

}  // namespace nn::test
