#include "repository/labels.hpp"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <set>

#include "base/log.hpp"
#include "base/text.hpp"
#include "repository/misfit.hpp"
#include "repository/model_name.hpp"
#include "repository/repository.hpp"
#include "repository/small_file.hpp"

namespace nn::repository {
namespace {

constexpr std::size_t longest_text = 21;  // 20 digits and a line end

std::string folder_of(const std::string& base) { return base + "/labels"; }

std::uint64_t read_label(const std::string& path) {
  const auto text = read_small_file(path, longest_text);
  if (!text) throw make_error(ErrorKind::io, "No such file or directory").within_file(path);
  try {
    return parse_label_file(*text);
  } catch (const Error& error) {
    throw error.within_file(path);
  }
}

// Names in the folder that are meant as labels; none where there is no folder.
std::vector<std::string> names_in(const std::string& base) {
  const std::string folder = folder_of(base);
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(folder.c_str()), &::closedir);
  if (!open) {
    if (errno != ENOENT) fail_errno(folder);
    if (::access(base.c_str(), F_OK) != 0) fail_errno(base);
    return names;
  }
  while (const dirent* entry = ::readdir(open.get())) {
    if (entry->d_name[0] == '.') continue;
    names.emplace_back(entry->d_name);
    if (names.size() > most_labels) {
      throw data_error("there are more than {} labels", most_labels).within_file(folder);
    }
  }
  return names;
}

void check_versions(const std::string& base, const std::vector<Label>& labels) {
  ModelSpec spec;
  spec.path = base;
  spec.repository = true;
  std::set<std::uint64_t> versions;
  for (const FoundVersion& found : find_versions(spec)) versions.insert(found.version);
  for (const Label& label : labels) {
    if (!versions.contains(label.version)) {
      throw data_error("there is no version {} in it for the label '{}'", label.version,
                       printable(label.name))
          .within_file(base);
    }
  }
}

void check_number(const std::string& base, const std::vector<Label>& labels) {
  const std::vector<std::string> names = names_in(base);
  std::set<std::string> all(names.begin(), names.end());
  for (const Label& label : labels) all.insert(label.name);
  if (all.size() > most_labels && all.size() > names.size()) {
    throw data_error("there would be more than {} labels", most_labels).within_file(folder_of(base));
  }
}

Error no_such_label(const std::string& base, const std::string& name) {
  return data_error("there is no label '{}' in it", printable(name)).within_file(base);
}

// Those whose clients would fail with the version that their label points to now.
void warn_of_misfits(const std::string& base, const Labels& before, const std::vector<Label>& now) {
  for (const Label& label : now) {
    const auto old = before.versions.find(label.name);
    if (old == before.versions.end() || old->second == label.version) continue;
    const std::string why = misfit(base, old->second, label.version);
    if (why.empty()) continue;
    warn(
        "label '{}': version {} does not fit version {}, which it pointed to: {}; clients of the one will "
        "fail "
        "with the other",
        label.name, label.version, old->second, why);
  }
}

}  // namespace

void check_label_name(std::string_view name) {
  const std::string shown = printable(name);
  if (name.empty()) fail_usage("a label has a name; write NAME=VERSION, as in stable=3");
  if (printable(name, name.size() + 1) != name) fail_usage("the label '{}' is not plain UTF-8 text", shown);
  if (name.size() > longest_label_name) {
    fail_usage("the label '{}' is longer than {} bytes", shown, longest_label_name);
  }
  if (name.find_first_of("/:") != std::string_view::npos) {
    fail_usage("'{}': a label's name holds no '/' and no ':'", shown);
  }
  if (name.front() == '.') fail_usage("'{}': a label's name does not begin with a dot", shown);
  if (name.find_first_not_of("0123456789+-.") == std::string_view::npos) {
    fail_usage("'{}': a label does not look like a number; versions do", shown);
  }
}

std::string parse_label_name(std::string_view text) {
  check_label_name(text);
  return std::string(text);
}

Label parse_label(std::string_view text) {
  const auto equals = text.rfind('=');
  if (equals == std::string_view::npos) {
    fail_usage("'{}' names no version; write NAME=VERSION, as in stable=3", printable(text));
  }
  const std::string_view name = text.substr(0, equals);
  check_label_name(name);
  try {
    return {std::string(name), parse_version(text.substr(equals + 1))};
  } catch (const Error& error) {
    throw error.within("'" + printable(text) + "'");
  }
}

std::uint64_t parse_label_file(std::string_view text) {
  if (text.ends_with('\n')) {
    if (const auto version = parse_version_number(text.substr(0, text.size() - 1))) return *version;
  }
  fail_data("'{}' is not a version's number and a line end", printable(text));
}

Labels read_labels(const std::string& base) {
  const std::string folder = folder_of(base);
  Labels labels;
  for (const std::string& name : names_in(base)) {
    try {
      check_label_name(name);
      labels.versions.emplace(name, read_label(folder + "/" + name));
    } catch (const Error& error) {
      // A name that is wrong is an input here, and nobody's command line.
      labels.wrong.emplace(printable(name, 4096), error.kind() == ErrorKind::usage
                                                      ? error.as(ErrorKind::data).within_file(folder)
                                                      : error);
    }
  }
  return labels;
}

void set_labels(const std::string& base, const std::vector<Label>& labels) {
  for (const Label& label : labels) check_label_name(label.name);
  check_versions(base, labels);
  check_number(base, labels);
  if (labels.empty()) return;
  const std::string folder = folder_of(base);
  const Labels before = read_labels(base);
  if (::mkdir(folder.c_str(), 0777) == 0) {
    sync_folder(base);
  } else if (errno != EEXIST) {
    fail_errno(folder);
  }
  for (const Label& label : labels)
    replace_small_file(folder, label.name, std::to_string(label.version) + "\n");
  warn_of_misfits(base, before, labels);
}

void remove_label(const std::string& base, const std::string& name) {
  check_label_name(name);
  if (!remove_small_file(folder_of(base), name)) throw no_such_label(base, name);
}

void change_labels(const std::string& base, const std::vector<Label>& set,
                   const std::vector<std::string>& removed) {
  std::set<std::string> named;
  const auto check_once = [&](const std::string& name) {
    if (!named.insert(name).second) fail_usage("the label '{}' is named twice", printable(name));
  };
  for (const Label& label : set) check_once(label.name);
  for (const std::string& name : removed) {
    check_once(name);
    if (!stamp_of(folder_of(base) + "/" + name)) throw no_such_label(base, name);
  }
  set_labels(base, set);
  for (const std::string& name : removed) remove_label(base, name);
}

}  // namespace nn::repository
