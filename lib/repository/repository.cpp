#include "repository/repository.hpp"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include "base/error.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"
#include "repository/ensemble_version.hpp"
#include "repository/model_name.hpp"

namespace nn::repository {
namespace {

constexpr std::string_view model_file = "model.nn";

std::optional<FileStamp> stamp_of_model(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return stamp_of(status);
}

// A worker reads its models again when they change, which a pipe doesn't allow.
Error why_no_model(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    const bool missing = errno == ENOENT, link = missing && ::lstat(path.c_str(), &status) == 0;
    return make_error(ErrorKind::io, "{}",
                      link      ? "is a link to what isn't there"
                      : missing ? "no such model file"
                                : std::strerror(errno))
        .within_file(path);
  }
  if (S_ISDIR(status.st_mode)) {
    return make_error(ErrorKind::io, "is a folder, not a model file")
        .within_file(path)
        .advise("; versions in a folder are served with --repository");
  }
  return make_error(ErrorKind::io, "a model that is served is a regular file, and this is none")
      .within_file(path);
}

std::optional<FoundVersion> version_in(const std::string& folder, std::uint64_t version) {
  for (const std::string_view file : {model_file, std::string_view(ensemble_name)}) {
    std::string path = fmt::format("{}/{}", folder, file);
    const auto stamp = stamp_of_model(path);
    if (!stamp) continue;
    const bool ensemble = file != model_file;
    const FileStamp all = ensemble ? with_parts(*stamp, path) : *stamp;
    return FoundVersion{version, std::move(path), all, ensemble};
  }
  return std::nullopt;
}

// Empty where the name isn't there, or it has just come.
std::string why_no_file(const std::string& path, FileStamp& stamp) {
  struct stat own {
  }, status{};
  if (::lstat(path.c_str(), &own) != 0) return errno == ENOENT ? "" : std::strerror(errno);
  stamp = stamp_of(own);
  if (::stat(path.c_str(), &status) != 0) {
    return errno == ENOENT ? "is a link to what isn't there" : std::strerror(errno);
  }
  stamp = stamp_of(status);
  if (S_ISREG(status.st_mode)) return {};
  if (S_ISDIR(status.st_mode)) return "is a folder, not a file";
  if (S_ISFIFO(status.st_mode)) return "is a FIFO, not a regular file";
  return "is not a regular file";
}

OddVersion odd_version(const std::string& folder, std::uint64_t version) {
  OddVersion odd{{version, folder, {}, false, true}, {}};
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    odd.reason = why_no_file(folder, odd.version.stamp);
    if (!odd.reason.starts_with("is a link")) odd.reason = "is no folder, as a version is";
    return odd;
  }
  for (const std::string_view file : {model_file, std::string_view(ensemble_name)}) {
    const std::string path = fmt::format("{}/{}", folder, file);
    odd.reason = why_no_file(path, odd.version.stamp);
    if (odd.reason.empty()) continue;
    odd.version.path = path;
    return odd;
  }
  odd.version.stamp = stamp_of(status);
  odd.reason = fmt::format("has no {} in it", model_file);
  odd.empty = true;
  return odd;
}

bool is_there(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

// Of what stands beside versions. Folders of others are their own, but for one that was meant as a version.
std::string why_no_version(const std::string& path, std::string_view name, unsigned char type) {
  if (name.starts_with('.') || (type != DT_DIR && type != DT_LNK && type != DT_UNKNOWN)) return {};
  const bool digits = name.find_first_not_of("0123456789") == std::string_view::npos;
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return {};
  if (!digits && !is_there(fmt::format("{}/{}", path, model_file)) &&
      !is_there(fmt::format("{}/{}", path, ensemble_name)))
    return {};
  return digits ? "a version's number is a whole one from 1, without zeros in front"
                : "a version's folder has a number as its name";
}

std::string_view base_name(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return path.substr(path.rfind('/') + 1);
}

// Names go into messages, requests and JSON, which is UTF-8: the printable characters of a file's name,
// without those that a version or a label begins with behind it.
void check_name(std::string_view name, std::string_view text) {
  if (name.empty()) fail_usage("'{}' has no name for the model; write NAME=PATH", printable(text));
  if (name.find_first_of("/:") != std::string_view::npos) {
    fail_usage("'{}': a model's name holds no '/' and no ':'; write NAME=PATH", printable(name));
  }
  check_printable_name(name);
}

ModelSpec parse_spec(std::string_view text) {
  ModelSpec spec;
  const auto equals = text.find('=');
  if (equals != std::string_view::npos && text.substr(0, equals).find('/') == std::string_view::npos) {
    spec.name = text.substr(0, equals);
    spec.path = text.substr(equals + 1);
    spec.named = true;
  } else {
    spec.path = text;
    spec.name = base_name(text);
    if (spec.name.ends_with(".nn")) spec.name.resize(spec.name.size() - 3);
  }
  check_name(spec.name, text);
  if (spec.path.empty()) fail_usage("'{}' has no path; write NAME=PATH", printable(text));
  return spec;
}

}  // namespace

VersionPolicy parse_version_policy(std::string_view text) {
  VersionPolicy policy;
  if (text == "all") {
    policy.kind = VersionPolicy::Kind::all;
    return policy;
  }
  if (text == "latest") return policy;
  if (text.starts_with("latest:")) {
    policy.count = static_cast<std::uint64_t>(parse_count(text.substr(7), 1));
    return policy;
  }
  if (text.starts_with("specific:")) {
    policy.kind = VersionPolicy::Kind::specific;
    for (const std::string& part : split(text.substr(9), ',')) {
      policy.versions.push_back(parse_version(trim(part)));
    }
    return policy;
  }
  fail_usage("'{}' is not a policy; there are latest:N, all, specific:V,V,…", printable(text));
}

ModelSpec parse_model_spec(std::string_view text) { return parse_spec(text); }

ModelSpec parse_repository_spec(std::string_view text) {
  ModelSpec spec = parse_spec(text);
  spec.repository = true;
  return spec;
}

Contents look_into(const ModelSpec& spec) {
  Contents contents;
  if (!spec.repository) {
    const auto stamp = stamp_of_model(spec.path);
    if (!stamp) throw why_no_model(spec.path);
    contents.versions.push_back({1, spec.path, *stamp});
    return contents;
  }
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(spec.path.c_str()), &::closedir);
  if (!folder) fail_errno(spec.path);
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::string path = fmt::format("{}/{}", spec.path, entry->d_name);
    const auto version = parse_version_number(entry->d_name);
    if (!version) {
      std::string why = why_no_version(path, entry->d_name, entry->d_type);
      if (!why.empty()) contents.left_out.push_back({path, std::move(why)});
    } else if (auto found = version_in(path, *version)) {
      contents.versions.push_back(std::move(*found));
    } else {
      contents.odd.push_back(odd_version(path, *version));
    }
  }
  std::sort(contents.versions.begin(), contents.versions.end(),
            [](const auto& a, const auto& b) { return a.version < b.version; });
  std::sort(contents.odd.begin(), contents.odd.end(),
            [](const auto& a, const auto& b) { return a.version.version < b.version.version; });
  std::sort(contents.left_out.begin(), contents.left_out.end(),
            [](const auto& a, const auto& b) { return a.path < b.path; });
  return contents;
}

std::vector<FoundVersion> Contents::all() const {
  std::vector<FoundVersion> out = versions;
  for (const OddVersion& one : odd) out.push_back(one.version);
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.version < b.version; });
  return out;
}

std::vector<FoundVersion> find_versions(const ModelSpec& spec) { return look_into(spec).versions; }

std::vector<FoundVersion> choose_versions(std::vector<FoundVersion> found, const VersionPolicy& policy) {
  switch (policy.kind) {
    case VersionPolicy::Kind::all: break;
    case VersionPolicy::Kind::latest:
      if (found.size() > policy.count) {
        found.erase(found.begin(), found.end() - static_cast<std::ptrdiff_t>(policy.count));
      }
      break;
    case VersionPolicy::Kind::specific:
      std::erase_if(found, [&](const FoundVersion& v) {
        return std::find(policy.versions.begin(), policy.versions.end(), v.version) == policy.versions.end();
      });
      break;
  }
  return found;
}

}  // namespace nn::repository
