// Repairs of files: who may, and how they take the place of what was there.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/error.hpp"
#include "base/file.hpp"
#include "study/journal.hpp"
#include "study/presence.hpp"
#include "study/repair.hpp"

namespace nn::study {
namespace {

std::string read_all(JournalFile& file) {
  std::string bytes(file.size(), '\0');
  std::size_t got = 0;
  while (got < bytes.size()) {
    const std::size_t n = file.read(std::span(bytes).subspan(got), got);
    if (n == 0) break;
    got += n;
  }
  bytes.resize(got);
  return bytes;
}

void check_nobody_runs(const std::string& path, bool sure_locks) {
  const std::vector<std::string> alive = Observer(path, sure_locks).alive();
  if (alive.empty()) return;
  throw make_error(ErrorKind::unavailable, "a run that may be alive has it: {}", alive[0])
      .within_file(path)
      .advise("; end it first");
}

// The file is the new one, and what it was has another name; at no moment is there none.
void replace(const std::string& path, const std::string& bytes) {
  const std::string kept = path + ".bak";
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) fail_errno(path);
  if (::link(path.c_str(), kept.c_str()) != 0) fail_errno(kept);
  try {
    OutputFile file(path);
    file.write(bytes);
    ::fchmod(file.fd(), status.st_mode & 07777);
    if (::fchown(file.fd(), status.st_uid, status.st_gid) != 0 && errno != EPERM) fail_errno(path);
    file.commit();
  } catch (...) {
    ::unlink(kept.c_str());
    throw;
  }
}

}  // namespace

std::vector<std::string> repair_journal(const std::string& path, const Patience& patience) {
  const auto file = JournalFile::open(path, true, false);
  check_nobody_runs(path, file->has_sure_locks());
  LinkLock link(path);
  const WriteLock lock(*file, path, link, patience);
  if (!file->is_current()) throw make_error(ErrorKind::unavailable, "somebody replaced it").within_file(path);
  const Repair repaired = repair(read_all(*file), path);
  if (repaired.bytes.empty() && !repaired.said.empty())
    throw data_error("it is no journal, and stays as it is").within_file(path);
  // A link stays one: what it leads to is replaced.
  if (!repaired.said.empty()) replace(std::filesystem::canonical(path).string(), repaired.bytes);
  return repaired.said;
}

std::vector<std::string> journal_faults(const std::string& path) {
  Journal journal(path, {});
  journal.refresh();
  const Replay& replay = journal.replay();
  std::vector<std::string> faults;
  for (const Notice& notice : replay.notices()) faults.push_back(notice.text);
  if (replay.notice_count() > faults.size())
    faults.push_back(fmt::format("and {} more", replay.notice_count() - faults.size()));
  return faults;
}

}  // namespace nn::study
