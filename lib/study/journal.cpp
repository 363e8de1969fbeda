#include "study/journal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/error.hpp"
#include "base/numbers.hpp"

namespace nn::study {
namespace {

constexpr std::size_t piece_bytes = std::size_t{1} << 20;  // that are read at once
// What each line of a journal begins with, of Optuna's too.
constexpr std::string_view first_bytes = R"({"op_code")";
// Of what was read, the last bytes: with their dates and names no other line has the same.
constexpr std::size_t before_bytes = 256;

}  // namespace

const Replay& Batch::replay() const { return replay_; }

void Batch::add(std::string line) {
  bytes_ += line;
  replay_.apply(line);
}

Journal::Journal(std::string path, How how)
    : path_(std::move(path)), how_(std::move(how)), link_(path_), replay_(path_) {
  if (!how_.spare_link.empty()) link_.keep_spare(how_.spare_link);
  file_ = how_.open ? how_.open() : JournalFile::open(path_, how_.write, how_.create);
}

Journal::~Journal() = default;

// Closed before it is opened: only then does the system forget that its lock was lost.
void Journal::open_again() {
  const std::string identity = file_->identity();
  file_.reset();
  file_ = how_.open ? how_.open() : JournalFile::open(path_, how_.write, false);
  if (file_->identity() != identity) fail_replaced();
}

void Journal::fail_replaced() const {
  throw data_error("somebody has removed or replaced it while it was in use")
      .within_file(path_)
      .advise("; what is new can't be written to it: put it back, or begin anew with the one that is there");
}

// Under the lock again: unless somebody has written behind it, it is as if it had never been written.
void Journal::take_back_unsure() {
  const std::string unsure = std::exchange(unsure_, {});
  const std::uint64_t size = file_->size();
  if (unsure.empty() || size <= unsure_at_ || size > unsure_at_ + unsure.size()) return;
  std::string there(size - unsure_at_, '\0');
  std::size_t got = 0;
  for (std::size_t n = 1; n > 0 && got < there.size(); got += n)
    n = file_->read(std::span(there).subspan(got), unsure_at_ + got);
  if (got == there.size() && unsure.starts_with(there) && file_->truncate(unsure_at_) != 0) fail_errno(path_);
}

void Journal::start_anew() {
  if (replay_.offset() > 0 || stale_) ++generation_;
  replay_ = Replay(path_);
  before_.clear();
  unlocked_notices_ = 0;
  stale_ = false;
}

// Whether what was read is still there: a writer that had no room has taken back what it wrote.
bool Journal::is_as_read() {
  if (stale_) return false;
  std::string now(before_.size(), '\0');
  std::size_t got = 0;
  while (got < now.size()) {
    const std::size_t n = file_->read(std::span(now).subspan(got), replay_.offset() - before_.size() + got);
    if (n == 0) return false;
    got += n;
  }
  return now == before_;
}

void Journal::read_news(bool locked) {
  if (!is_as_read() || (locked && unlocked_notices_ > 0)) start_anew();
  const std::uint64_t notices = replay_.notice_count();
  const std::uint64_t size = file_->size();
  std::string buffer;
  while (replay_.offset() + buffer.size() < size) {
    const std::size_t had = buffer.size();
    const std::uint64_t left = size - replay_.offset() - had;
    buffer.resize(had + static_cast<std::size_t>(std::min<std::uint64_t>(left, piece_bytes)));
    const std::size_t n = file_->read(std::span(buffer).subspan(had), replay_.offset() + had);
    buffer.resize(had + n);
    if (n == 0) break;  // it became shorter meanwhile
    const std::size_t taken = replay_.apply(buffer);
    if (taken == 0) continue;
    before_.append(buffer, 0, taken);
    before_.erase(0, before_.size() - std::min(before_.size(), before_bytes));
    buffer.erase(0, taken);
  }
  if (!locked) unlocked_notices_ += replay_.notice_count() - notices;
}

bool Journal::refresh() {
  const std::uint64_t before = replay_.offset(), generation = generation_;
  try {
    read_news(false);
  } catch (const FileLost&) {
    open_again();
    read_news(false);
  }
  return replay_.offset() != before || generation_ != generation;
}

// Data error where the file is something else: what was meant may be the rows to train on, of which nothing
// must be cut off. Its first line may be torn, or zeros, as a crash leaves them.
void Journal::check_is_journal() const {
  if (!replay_.studies().empty()) return;
  std::string begin(std::min<std::uint64_t>(file_->size(), first_bytes.size()), '\0');
  std::size_t got = 0;
  for (std::size_t n = 1; n > 0 && got < begin.size(); got += n)
    n = file_->read(std::span(begin).subspan(got), got);
  if (first_bytes.starts_with(begin) || begin.find_first_not_of('\0') == std::string::npos) return;
  throw data_error("it is no journal, and stays as it is").within_file(path_);
}

void Journal::cut_tail() {
  const std::uint64_t size = file_->size(), end = replay_.end_of_lines();
  if (size <= end) return;
  const std::uint64_t torn = size - end;
  if (file_->truncate(end) != 0) fail_errno(path_);
  // What was skipped of a line that is too long is skipped no more.
  if (replay_.offset() != end) {
    start_anew();
    read_news(true);
  }
  dropped_ = fmt::format("{}: {} bytes of a line that was never finished are dropped, after line {}", path_,
                         torn, replay_.lines());
}

void Journal::append(Durable durable, const std::function<void(Batch&)>& decide) {
  constexpr int most_tries = 5;
  bool may_open_again = true;
  for (int tries = 0; tries < most_tries; ++tries) {
    try {
      if (append_once(durable, decide, may_open_again)) return;
    } catch (const FileLost&) {
      if (!std::exchange(may_open_again, false)) throw;
      open_again();
    }
  }
  throw make_error(ErrorKind::unavailable,
                   "each time that its lock was taken others took it for dead before anything was written")
      .within_file(path_)
      .advise("; is this machine, or its disk, very busy?");
}

// False where it must be decided anew.
bool Journal::append_once(Durable durable, const std::function<void(Batch&)>& decide, bool may_open_again) {
  const WriteLock lock(*file_, path_, link_, how_.patience);
  if (!file_->is_current()) fail_replaced();
  take_back_unsure();
  read_news(true);
  check_is_journal();
  cut_tail();
  const std::uint64_t at = replay_.offset();
  Batch batch(replay_);
  // From here on the replay may know what the file doesn't have.
  stale_ = true;
  try {
    decide(batch);
  } catch (...) {
    stale_ = !batch.bytes_.empty();
    throw;
  }
  if (!batch.bytes_.empty() && !write(batch.bytes_, at, durable, lock, may_open_again)) return false;
  stale_ = false;
  return true;
}

// False where the lock can't be relied on any more: nothing was written.
bool Journal::write(const std::string& bytes, std::uint64_t at, Durable durable, const WriteLock& lock,
                    bool may_open_again) {
  if (!lock.is_sure() || file_->size() != at) return false;
  const auto take_back = [&](int error) {
    if (may_open_again && FileLost::is(error)) {
      unsure_ = bytes;
      unsure_at_ = at;
      throw FileLost(Error(ErrorKind::io, std::generic_category().message(error)).within_file(path_));
    }
    const bool is_back = file_->truncate(at) == 0;
    throw make_error(ErrorKind::io, "{}: nothing of it was written{}", std::generic_category().message(error),
                     is_back ? "" : ", but for a part of a line, which whoever writes next takes away")
        .within_file(path_);
  };
  std::size_t written = 0;
  while (written < bytes.size()) {
    const long n = file_->write(std::span(bytes).subspan(written), at + written);
    if (n < 0 && errno == EINTR) continue;
    // A short write is what a full disk says first; and that it says of all it takes nothing is no answer.
    if (n <= 0) take_back(n < 0 ? errno : ENOSPC);
    written += static_cast<std::size_t>(n);
  }
  if (durable == Durable::yes) {
    if (file_->sync() != 0) take_back(errno);
    unsynced_ = false;
  } else {
    unsynced_ = true;
  }
  before_.append(bytes);
  before_.erase(0, before_.size() - std::min(before_.size(), before_bytes));
  return true;
}

void Journal::sync() {
  if (unsynced_ && file_->sync() != 0) fail_errno(path_);
  unsynced_ = false;
}

std::string Journal::take_dropped() { return std::exchange(dropped_, {}); }

}  // namespace nn::study
