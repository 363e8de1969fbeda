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
    return make_error(ErrorKind::io, "{}", errno == ENOENT ? "no such model file" : std::strerror(errno))
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

std::vector<FoundVersion> find_versions(const ModelSpec& spec) {
  std::vector<FoundVersion> found;
  if (!spec.repository) {
    const auto stamp = stamp_of_model(spec.path);
    if (!stamp) throw why_no_model(spec.path);
    found.push_back({1, spec.path, *stamp});
    return found;
  }
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(spec.path.c_str()), &::closedir);
  if (!folder) fail_errno(spec.path);
  while (const dirent* entry = ::readdir(folder.get())) {
    const auto version = parse_version_number(entry->d_name);
    if (!version) continue;
    for (const std::string_view file : {model_file, std::string_view(ensemble_name)}) {
      std::string path = fmt::format("{}/{}/{}", spec.path, entry->d_name, file);
      const auto stamp = stamp_of_model(path);
      if (!stamp) continue;
      const bool ensemble = file != model_file;
      const FileStamp all = ensemble ? with_parts(*stamp, path) : *stamp;
      found.push_back({*version, std::move(path), all, ensemble});
      break;
    }
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.version < b.version; });
  return found;
}

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
