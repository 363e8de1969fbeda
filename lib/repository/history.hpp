// What was decided about a repository's versions: BASE/history.jsonl, where all its servers and people append
// a JSON object a line. Here only what lines say of all versions is read: `version`, as `event` "publish",
// and as `verdict` "rollback" (it was found bad, or taken back by hand) or "promote" (it is good again).
// Other lines are their writers'.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/file.hpp"

namespace nn::repository {

inline constexpr char history_file[] = "history.jsonl";
inline constexpr std::size_t longest_history = 64u << 20;  // bytes

// Appends a line, to which the end is added; it is on the disk when this returns. Where the last writer died
// in the middle of a line, the new one begins another. Several processes may append at once. Io errors.
void append_history(const std::string& base, std::string_view line);

// All whole lines; "" where there is no file. What a writer that died left at the end is left out. Data error
// where it is longer than longest_history, io errors.
std::string read_history(const std::string& base);

// The versions whose last verdict was "rollback". Lines that are none count for nothing: a version that is
// taken for good by mistake is found bad again.
std::set<std::uint64_t> bad_versions(std::string_view history);
// The highest version that any line names; 0 for none. Numbers are not given twice.
std::uint64_t highest_named(std::string_view history);
// Whether a version of that number was published before.
bool was_published(std::string_view history, std::uint64_t version);
// The line that says so from now on.
std::string publish_line(std::uint64_t version);
// Seconds since 1970, the `time` of a line.
double seconds_since_1970();

// The same as a file has it, which is read when it has changed. One thread.
class BadVersions {
 public:
  // Errors as read_history() has them; then nothing has changed.
  const std::set<std::uint64_t>& read(const std::string& base);

 private:
  std::optional<FileStamp> stamp_;
  std::set<std::uint64_t> versions_;
};

}  // namespace nn::repository
