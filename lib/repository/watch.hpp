// Hears of changes in repositories as they happen (inotify(7)). Who watches looks now and then as well: file
// systems of other machines tell nothing, and watches may run out.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/file.hpp"

namespace nn::repository {

// One thread. Nothing of it waits.
class RepositoryWatch {
 public:
  // Folders of versions or of models, and models' files. Where the system has no inotify, or something can't
  // be watched, nothing is heard of it.
  explicit RepositoryWatch(std::vector<std::string> paths);

  // Readable when something has happened: take() then. -1 where there is none.
  int descriptor() const { return file_ ? file_.get() : -1; }
  // Takes in what has happened up to now.
  void take(Clock::time_point now);
  // When to look: a moment after the last change of several, and not for ever later. Nothing has happened
  // where it is empty.
  std::optional<Clock::time_point> due() const { return due_; }
  // Is it time to look? Once, and then the next change counts.
  bool is_due(Clock::time_point now);
  // Watches folders that have come since. take() does so where it heard of them.
  void scan();

  std::size_t folders() const { return folders_.size(); }  // that are watched

 private:
  static constexpr int deepest = 2;  // below a folder of models: its models, their versions and labels
  struct Folder {
    std::string path;
    int depth = 0;
    std::string only;  // of which one file matters
  };
  void add(const Folder& folder);
  void add_below(const Folder& folder);
  void note(Clock::time_point now);

  std::vector<std::string> paths_;
  UniqueFd file_;
  std::map<int, Folder> folders_;  // by their watches
  std::optional<Clock::time_point> first_, due_;
};

}  // namespace nn::repository
