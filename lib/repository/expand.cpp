#include "repository/expand.hpp"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "base/error.hpp"
#include "base/text.hpp"
#include "repository/model_name.hpp"

namespace nn::repository {
namespace {

struct Children {
  std::vector<std::string> others;       // that may be models
  std::optional<std::string> a_version;  // one of them
};

std::optional<Children> children_of(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), &::closedir);
  if (!folder) return std::nullopt;
  Children children;
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::string_view name = entry->d_name;
    struct stat status {};
    if (name.starts_with('.') || ::fstatat(::dirfd(folder.get()), entry->d_name, &status, 0) != 0 ||
        !S_ISDIR(status.st_mode))
      continue;
    if (parse_version_number(name)) {
      children.a_version = name;
    } else if (printable(name, name.size() + 1) == name && name.find(':') == std::string_view::npos) {
      children.others.emplace_back(name);
    }
    if (children.others.size() > most_models)
      throw data_error("more than {} folders are in it", most_models).within_file(path);
  }
  std::sort(children.others.begin(), children.others.end());
  return children;
}

bool has_versions(const std::string& path) {
  const auto children = children_of(path);
  return children && children->a_version;
}

}  // namespace

std::vector<ModelSpec> expand_repository(const ModelSpec& given) {
  if (!given.repository) return {given};
  const auto children = children_of(given.path);
  if (!children) return {given};
  std::vector<ModelSpec> models;
  for (const std::string& name : children->others) {
    ModelSpec spec = given;
    spec.name = name;
    spec.path = given.path + (given.path.ends_with('/') ? "" : "/") + name;
    if (has_versions(spec.path)) models.push_back(std::move(spec));
  }
  if (models.empty()) return {given};
  if (children->a_version) {
    throw data_error(
        "it has the version {} and the model '{}': a folder holds versions of one model, or models",
        *children->a_version, models[0].name)
        .within_file(given.path);
  }
  if (given.named) {
    throw data_error("there are {} models in it, '{}' among them, for the one name '{}'", models.size(),
                     models[0].name, given.name)
        .within_file(given.path);
  }
  return models;
}

}  // namespace nn::repository
