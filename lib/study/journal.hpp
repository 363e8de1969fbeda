// A journal: a file of lines that any number of processes append to, and its replay.
//
// Whoever appends holds both locks (lock.hpp), has read all there is, has cut off what a writer that died
// left of a line, decides what to write from that, writes it at once and syncs. Who only reads takes no lock,
// and stops at the last end of a line.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "study/journal_file.hpp"
#include "study/lock.hpp"
#include "study/replay.hpp"

namespace nn::study {

enum class Durable : std::uint8_t { no, yes };  // whether it outlives a power cut when append() returns

// What append()'s caller sees and adds to.
class Batch {
 public:
  // As it is with what was added so far.
  const Replay& replay() const;
  // A line with its end, from line.hpp. It counts in replay() at once.
  void add(std::string line);

 private:
  friend class Journal;
  explicit Batch(Replay& replay) : replay_(replay) {}
  Replay& replay_;
  std::string bytes_;
};

// Not thread-safe; several objects, in one process or many, may be of one file.
class Journal {
 public:
  struct How {
    bool write = false, create = false;
    Patience patience = {};
    // Instead of JournalFile::open().
    std::function<std::unique_ptr<JournalFile>()> open = {};
    std::string spare_link = {};  // for who writes often: see LinkLock::keep_spare()
  };
  // Reads nothing yet. Io error where it can't be opened.
  Journal(std::string path, How how);
  ~Journal();

  // Reads what is new, without a lock; whether there was anything. Where what was read before is not in the
  // file any more (a writer's disk was full, and it took back what it wrote), all is read anew. A file that
  // is lost (FileLost) is opened again. Data errors as Replay::apply(), and where the path is another file by
  // now.
  bool refresh();

  // As above; `decide` adds lines, and may be called again, with another replay, where the lock was lost
  // meanwhile. When it adds none, nothing is written. What it throws goes on to the caller, and nothing is
  // written. Unavailable error where a lock isn't free in time; Io errors where the disk is full or fails:
  // then the file is as before, and the same may be tried again.
  // Data error where the file is no journal: it stays as it is.
  void append(Durable durable, const std::function<void(Batch&)>& decide);
  // What was written with Durable::no is durable from here on. Io error.
  void sync();

  const std::string& path() const { return path_; }
  // References into it last until append() or refresh() says that all was read anew (generation()).
  const Replay& replay() const { return replay_; }
  Replay& replay() { return replay_; }
  std::uint64_t generation() const { return generation_; }
  // What was cut off the end when it was written to, if anything: "41 bytes of a line without its end".
  // Once each.
  std::string take_dropped();
  bool has_sure_locks() { return file_->has_sure_locks(); }

 private:
  void open_again();
  [[noreturn]] void fail_replaced() const;
  void start_anew();
  bool is_as_read();
  void read_news(bool locked);
  void check_is_journal() const;
  void cut_tail();
  void take_back_unsure();
  bool append_once(Durable durable, const std::function<void(Batch&)>& decide, bool may_open_again);
  bool write(const std::string& bytes, std::uint64_t at, Durable durable, const WriteLock& lock,
             bool may_open_again);

  std::string path_;
  How how_;
  std::unique_ptr<JournalFile> file_;
  LinkLock link_;
  Replay replay_;
  std::string before_;  // the last bytes that were read: whether they are still there
  // What was being written when the file was lost, and where: perhaps it is there, or a part of it.
  std::string unsure_;
  std::uint64_t unsure_at_ = 0;
  std::string dropped_;
  std::uint64_t generation_ = 0;
  std::uint64_t unlocked_notices_ = 0;  // what was bad, and read without a lock: perhaps half written
  bool unsynced_ = false, stale_ = false;
};

}  // namespace nn::study
