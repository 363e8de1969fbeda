#include "repository/publish.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "base/memory.hpp"
#include "base/text.hpp"
#include "model/model.hpp"
#include "repository/ensemble_version.hpp"
#include "repository/history.hpp"
#include "repository/labels.hpp"
#include "repository/misfit.hpp"
#include "repository/model_name.hpp"
#include "repository/repository.hpp"
#include "repository/small_file.hpp"
#include "repository/standing.hpp"
#include "repository/wants.hpp"

namespace nn::repository {
namespace {

constexpr int tries = 10'000;                                        // against other publishers
constexpr std::uint64_t most_automatic = 1'000'000'000'000'000'000;  // there is one more for sure

bool is_there(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

// Below `limit`; 0 where there is none.
std::uint64_t highest_version(const std::string& base, std::uint64_t limit) {
  std::uint64_t highest = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(base, error)) {
    const auto version = parse_version_number(entry.path().filename().string());
    if (version && *version < limit) highest = std::max(highest, *version);
  }
  if (error) throw Error(ErrorKind::io, error.message()).within_file(base);
  return highest;
}

// A folder beside the versions, under a name that is none; gone with its file unless kept.
class Draft {
 public:
  explicit Draft(const std::string& base) : path_(fmt::format("{}/{}XXXXXX", base, draft_prefix)) {
    if (::mkdtemp(path_.data()) == nullptr) fail_errno(base);
    ::chmod(path_.c_str(), 0777 & ~current_umask());
  }
  ~Draft() {
    std::error_code ignored;
    if (!kept_) std::filesystem::remove_all(path_, ignored);
  }
  // False where there is something of that name.
  bool rename_to(const std::string& version) {
    if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, version.c_str(), RENAME_NOREPLACE) == 0)
      return kept_ = true;
    if (errno == EEXIST) return false;
    // File systems that can't promise it: a version has a file in it, and is never replaced.
    if (errno == EINVAL && ::rename(path_.c_str(), version.c_str()) == 0) return kept_ = true;
    if (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR) return false;
    fail_errno(version);
  }
  const std::string& path() const { return path_; }

 private:
  static mode_t current_umask() {
    const mode_t mask = ::umask(0);
    ::umask(mask);
    return mask;
  }
  std::string path_;
  bool kept_ = false;
};

// Versions of one repository take each other's place, first of all the live one's.
void check_fit(const std::string& base, const std::string& model, Fit fit) {
  std::optional<std::uint64_t> live;
  try {
    live = read_standing(base).live();
  } catch (const Error&) {
    return;  // nobody is served by what can't be read
  }
  const std::string why = live ? misfit_of_file(base, *live, model) : "";
  if (why.empty()) return;
  if (fit == Fit::required) {
    throw data_error(
        "the model does not fit version {}, the live one: {}; clients of the one would fail with the other",
        *live, why)
        .within_file(base)
        .advise("; --force publishes it");
  }
  warn("the model does not fit {}/{}, the live version: {}; clients of the one will fail with the other",
       base, *live, why);
}

// Numbers that wishes, labels and the history know are some version's, also when it was removed.
std::uint64_t highest_known(const std::string& base) {
  std::uint64_t highest = 0;
  try {
    const Wants wants = read_wants(base);
    if (!wants.served.empty()) highest = *wants.served.rbegin();
    if (!wants.refused.empty()) highest = std::max(highest, *wants.refused.rbegin());
    for (const auto& [name, version] : read_labels(base).versions) highest = std::max(highest, version);
    highest = std::max(highest, highest_named(read_history(base)));
  } catch (const Error&) {
    // What is wrong is told by those who serve the repository.
  }
  return highest < most_automatic ? highest : 0;
}

void check_number(const std::string& base, std::uint64_t version) {
  const std::string history = read_history(base);
  if (bad_versions(history).contains(version)) {
    throw data_error("version {} was rolled back, as its {} says; another number is a new version", version,
                     history_file)
        .within_file(base);
  }
  if (was_published(history, version) && !is_there(fmt::format("{}/{}", base, version))) {
    warn(
        "{}/{}: a version of this number was there before; who names it, or reads of it in logs, may mean "
        "that one",
        base, version);
  }
}

// The number isn't given again, whoever removes the version, and however.
void note_published(const std::string& base, std::uint64_t version) {
  try {
    append_history(base, publish_line(version));
  } catch (const Error& error) {
    warn("{}; version {} is published, but once it is removed its number may be given again", error.what(),
         version);
  }
}

// It was let go when it was another.
void want_again(const std::string& base, std::uint64_t version) {
  if (!read_wants(base).refused.contains(version)) return;
  change_wants(base, [&](Wants& wants) { wants.refused.erase(version); });
}

// Each byte is checked on its way into the copy, which has no name before they are all there and right.
void copy_checked(const std::string& from, OutputFile& to) {
  const std::string name = from == "-" ? "standard input" : from;
  const UniqueFd fd = open_input(from);
  Buffer piece(std::size_t{256} << 10);
  model::ModelCheck check;
  for (;;) {
    const auto bytes = std::as_const(piece).bytes().first(read_some(fd.get(), piece.bytes(), name));
    try {
      if (bytes.empty()) {
        check.finish();
        return;
      }
      check.add(bytes);
    } catch (const Error& error) {
      throw error.within_file(name);
    }
    to.write(bytes);
  }
}

// The repository's folder, made with its parents if it isn't there; what was made is gone again if nothing
// was published.
class Base {
 public:
  explicit Base(const std::string& path) {
    for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
      const std::string folder = path.substr(0, end);
      if (::mkdir(folder.c_str(), 0777) == 0) {
        made_.push_back(folder);
      } else if (const int error = errno; error != EEXIST && !is_folder(folder)) {
        undo();
        fail_errno(path, error);
      }
      if (end == std::string::npos) break;
    }
  }
  Base(const Base&) = delete;
  ~Base() { undo(); }

 private:
  static bool is_folder(const std::string& path) {
    std::error_code ignored;
    return std::filesystem::is_directory(path, ignored);
  }
  void undo() {
    for (auto at = made_.rbegin(); at != made_.rend(); ++at)
      ::rmdir(at->c_str());  // fails where something is in it
  }
  std::vector<std::string> made_;
};

// Servers take a model's name from its folder.
void check_name_of(const std::string& base) {
  auto path = std::filesystem::absolute(base).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  const std::string why = why_no_model_folder(path.filename().string());
  if (why.empty()) return;
  throw make_error(ErrorKind::usage, "no server serves a model of this folder: {}", why)
      .within_file(printable(base));
}

bool has_versions(const std::string& folder) {
  try {
    return !find_versions({.name = {}, .path = folder, .repository = true, .policy = {}}).empty();
  } catch (const Error&) {
    return false;  // it isn't there, or can't be read
  }
}

// Of a folder of models, the name of one; empty: it is none.
std::string a_model_of(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    std::string name = entry.path().filename().string();
    const bool is_model = why_no_model_folder(name).empty() && !parse_version_number(name);
    if (is_model && has_versions(entry.path().string())) return name;
  }
  return {};
}

// Into a folder that is a version's soon. Returns the file's path.
std::string copy_model(const std::string& model, const std::string& folder) {
  std::string path = folder + "/model.nn";
  OutputFile copy(path);
  copy_checked(model, copy);
  copy.commit();
  return path;
}

// With the files that it has beside it. Models that it names are where they will be seen from the version.
std::string copy_ensemble(const std::string& file, const std::string& folder) {
  const auto text = read_small_file(file, ensemble::EnsembleFile::most_bytes);
  if (!text) throw make_error(ErrorKind::io, "no such file").within_file(file);
  for (const auto& part : ensemble::parse_ensemble(*text, file).local()) {
    const std::string to = folder + "/" + part.name;
    if (part.version != 0 || stamp_of(to)) continue;
    if (part.name == ensemble_name) fail_data("{}: a member's file has the ensemble's own name", file);
    OutputFile copy(to);
    copy_checked(part.path, copy);
    copy.commit();
  }
  std::string path = folder + "/" + ensemble_name;
  write_file(path, *text);
  try {
    interface_of(path, true);
  } catch (const Error& error) {
    throw error.without(path).within_file(file);
  }
  return path;
}

}  // namespace

Destination destination_of(const std::string& path, std::optional<std::uint64_t> version) {
  std::string_view text = path;
  while (text.size() > 1 && text.ends_with('/')) text.remove_suffix(1);
  const auto slash = text.rfind('/');
  const auto number = parse_version_number(text.substr(slash + 1));
  if (!number) return {path, version};
  std::string above = slash == std::string_view::npos ? "." : std::string(text.substr(0, slash));
  if (above.empty()) above = "/";
  if (!has_versions(above) && is_there(above)) {
    const std::string model = has_versions(path) ? "" : a_model_of(above);
    if (model.empty()) return {path, version};
    throw make_error(ErrorKind::usage,
                     "no server serves a model of this folder: it would be a version beside the model '{}'",
                     printable(model))
        .within_file(printable(path));
  }
  if (version.value_or(*number) != *number) {
    throw make_error(ErrorKind::usage, "this is version {} of {}, not {}", *number, printable(above),
                     *version)
        .within_file(printable(path));
  }
  return {above, number};
}

std::uint64_t publish_model(const std::string& model, const std::string& base,
                            std::optional<std::uint64_t> version, Fit fit) {
  check_name_of(base);
  const Base made(base);
  Draft draft(base);
  const std::string path =
      is_ensemble(model) ? copy_ensemble(model, draft.path()) : copy_model(model, draft.path());
  sync_folder(draft.path());
  if (version) check_number(base, *version);
  check_fit(base, path, fit);
  std::uint64_t number = version.value_or(0);
  for (int i = 0; i < tries; ++i) {
    if (!version) number = std::max({highest_version(base, most_automatic), highest_known(base), number}) + 1;
    if (draft.rename_to(fmt::format("{}/{}", base, number))) {
      sync_folder(base);
      note_published(base, number);
      want_again(base, number);
      return number;
    }
    if (version) fail_data("{}/{}: this version is there already", base, number);
  }
  throw make_error(ErrorKind::unavailable, "others publish all the time").within_file(base);
}

}  // namespace nn::repository
