#include "repository/history.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/json_cursor.hpp"
#include "base/json_lines.hpp"
#include "repository/small_file.hpp"

namespace nn::repository {
namespace {

constexpr std::size_t deepest = 16;
constexpr std::string_view published = "publish";

std::string path_of(const std::string& base) { return base + "/" + history_file; }

struct Line {
  std::uint64_t version = 0;
  std::string_view verdict, event;
};

std::optional<Line> parse(std::string_view text, std::deque<std::string>& unescaped) {
  JsonCursor cursor(text, unescaped, deepest);
  Line line;
  cursor.object([&](std::string_view key) {
    if (key == "version") {
      line.version = cursor.count();
    } else if (key == "verdict") {
      line.verdict = cursor.string();
    } else if (key == "event") {
      line.event = cursor.string();
    } else {
      cursor.skip();
    }
  });
  if (!cursor.ok() || !cursor.at_end() || line.version == 0) return std::nullopt;
  return line;
}

template <typename Each>
void for_each_line(std::string_view history, Each&& each) {
  std::deque<std::string> unescaped;
  while (!history.empty()) {
    const auto end = std::min(history.find('\n'), history.size());
    if (const auto line = parse(history.substr(0, end), unescaped)) each(*line);
    unescaped.clear();
    history.remove_prefix(std::min(end + 1, history.size()));
  }
}

bool ends_within_a_line(int fd, const std::string& path) {
  const off_t size = ::lseek(fd, 0, SEEK_END);
  if (size < 0) fail_errno(path);
  char last = '\n';
  if (size > 0 && ::pread(fd, &last, 1, size - 1) < 0) fail_errno(path);
  return last != '\n';
}

}  // namespace

// One write, so that lines of several writers stay whole; two that find the same torn line leave an empty one
// between theirs, which is none.
void append_history(const std::string& base, std::string_view line) {
  const std::string path = path_of(base);
  const bool is_new = !stamp_of(path);
  const UniqueFd fd(::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0666));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0) fail_errno(path);
  if (!S_ISREG(status.st_mode)) throw make_error(ErrorKind::io, "not a regular file").within_file(path);
  std::string text = ends_within_a_line(fd.get(), path) ? "\n" : "";
  text += line;
  text += '\n';
  write_all(fd.get(), std::as_bytes(std::span(text)), path);
  if (::fsync(fd.get()) != 0) fail_errno(path);
  if (is_new) sync_folder(base);
}

std::string read_history(const std::string& base) {
  std::string text = read_small_file(path_of(base), longest_history).value_or("");
  text.resize(text.rfind('\n') + 1);  // npos + 1 is 0
  return text;
}

std::set<std::uint64_t> bad_versions(std::string_view history) {
  std::set<std::uint64_t> bad;
  for_each_line(history, [&](const Line& line) {
    if (line.verdict == "rollback") bad.insert(line.version);
    if (line.verdict == "promote") bad.erase(line.version);
  });
  return bad;
}

std::uint64_t highest_named(std::string_view history) {
  std::uint64_t highest = 0;
  for_each_line(history, [&](const Line& line) { highest = std::max(highest, line.version); });
  return highest;
}

bool was_published(std::string_view history, std::uint64_t version) {
  bool was = false;
  for_each_line(history,
                [&](const Line& line) { was = was || (line.version == version && line.event == published); });
  return was;
}

std::string publish_line(std::uint64_t version) {
  std::string line = "{";
  add_json(line, "time", seconds_since_1970());
  add_json(line, "version", version);
  add_json(line, "event", published);
  return line + "}";
}

double seconds_since_1970() {
  return std::chrono::duration<double>(Clock::machine().date().time_since_epoch()).count();
}

const std::set<std::uint64_t>& BadVersions::read(const std::string& base) {
  const auto stamp = stamp_of(path_of(base));
  if (stamp == stamp_) return versions_;
  versions_ = stamp ? bad_versions(read_history(base)) : std::set<std::uint64_t>{};
  stamp_ = stamp;
  return versions_;
}

}  // namespace nn::repository
