#include "repository/watch.hpp"

#include <dirent.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace nn::repository {
namespace {

using namespace std::chrono_literals;

constexpr auto quiet = 50ms;        // after the last of several changes
constexpr auto longest = 500ms;     // after the first
constexpr std::size_t most = 8192;  // of what a user may watch, usually all together
constexpr std::uint32_t events = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CLOSE_WRITE |
                                 IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_EXCL_UNLINK | IN_ONLYDIR;

std::string parent_of(std::string_view path) {
  const auto slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return std::string(slash == 0 ? "/" : path.substr(0, slash));
}

bool is_folder(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

}  // namespace

RepositoryWatch::RepositoryWatch(std::vector<std::string> paths)
    : paths_(std::move(paths)), file_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
  scan();
}

// What isn't there may come, or be a file: its parent tells.
void RepositoryWatch::scan() {
  if (!file_) return;
  for (std::string path : paths_) {
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    if (is_folder(path)) add({path, 0, {}});
    add({parent_of(path), deepest, path.substr(path.rfind('/') + 1)});
  }
}

void RepositoryWatch::add(const Folder& folder) {
  if (folders_.size() >= most) return;
  const int watch = ::inotify_add_watch(file_.get(), folder.path.c_str(), events);
  if (watch < 0) return;
  // A folder that is watched already has the same number. One that matters as a whole stays so.
  const auto known = folders_.find(watch);
  if (known == folders_.end()) {
    folders_.emplace(watch, folder);
  } else if (known->second.only != folder.only) {
    known->second.only.clear();
    known->second.depth = std::min(known->second.depth, folder.depth);
  }
  if (folder.depth < deepest) add_below(folder);
}

void RepositoryWatch::add_below(const Folder& folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(folder.path.c_str()), &::closedir);
  if (!open) return;
  while (const dirent* entry = ::readdir(open.get())) {
    if (entry->d_name[0] == '.' ||
        (entry->d_type != DT_DIR && entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN))
      continue;
    add({folder.path + "/" + entry->d_name, folder.depth + 1, {}});
  }
}

void RepositoryWatch::note(Clock::time_point now) {
  if (!first_) first_ = now;
  due_ = std::min(now + quiet, *first_ + longest);
}

void RepositoryWatch::take(Clock::time_point now) {
  if (!file_) return;
  alignas(inotify_event) char buffer[16384];
  bool new_folders = false;
  for (;;) {
    const ssize_t bytes = ::read(file_.get(), buffer, sizeof buffer);
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes <= 0) break;
    for (const char* at = buffer; at < buffer + bytes;) {
      inotify_event event{};
      std::memcpy(&event, at, sizeof event);
      const std::string_view name = event.len > 0 ? std::string_view(at + sizeof event) : std::string_view();
      at += sizeof event + event.len;
      if ((event.mask & IN_Q_OVERFLOW) != 0) {  // who knows what has happened, and which folders are left
        folders_.clear();
        new_folders = true;
        note(now);
        continue;
      }
      const auto folder = folders_.find(event.wd);
      if (folder == folders_.end()) continue;
      if ((event.mask & IN_IGNORED) != 0) {
        folders_.erase(folder);
        continue;
      }
      // Drafts of what is about to be published have such names.
      if (name.starts_with('.') ||
          (!folder->second.only.empty() && !name.empty() && name != folder->second.only))
        continue;
      new_folders = new_folders || (event.mask & IN_ISDIR) != 0;
      note(now);
    }
  }
  if (new_folders) scan();
}

bool RepositoryWatch::is_due(Clock::time_point now) {
  if (!due_ || now < *due_) return false;
  first_.reset();
  due_.reset();
  return true;
}

}  // namespace nn::repository
