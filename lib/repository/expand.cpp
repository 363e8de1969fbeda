#include "repository/expand.hpp"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>

#include "base/error.hpp"
#include "base/text.hpp"
#include "repository/model_name.hpp"

namespace nn::repository {
namespace {

struct Children {
  std::vector<std::string> others;       // that may be models
  std::vector<LeftOut> left_out;         // whose names can't be models'
  std::optional<std::string> a_version;  // one of them
  bool draft = false;                    // somebody publishes there just now
};

std::string path_of(const std::string& folder, std::string_view name) {
  return folder + (folder.ends_with('/') ? "" : "/") + std::string(name);
}

std::optional<Children> children_of(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), &::closedir);
  if (!folder) return std::nullopt;
  Children children;
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::string_view name = entry->d_name;
    struct stat status {};
    children.draft = children.draft || name.starts_with(draft_prefix);
    if (name.starts_with('.')) continue;
    const bool there = ::fstatat(::dirfd(folder.get()), entry->d_name, &status, 0) == 0;
    if (there && !S_ISDIR(status.st_mode)) continue;
    const bool link = !there && errno == ENOENT && entry->d_type == DT_LNK;
    if (!there && !link) continue;
    const std::string why = link ? "it is a link to what isn't there" : why_no_model_folder(name);
    if (there && parse_version_number(name)) {
      children.a_version = name;
    } else if (why.empty()) {
      children.others.emplace_back(name);
    } else {
      children.left_out.push_back({path_of(path, name), why});
    }
    if (children.others.size() + children.left_out.size() > most_models)
      throw data_error("more than {} folders are in it", most_models).within_file(path);
  }
  std::sort(children.others.begin(), children.others.end());
  return children;
}

bool is_digits(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Empty: it is one, or about to be.
std::string why_no_model(const std::string& path, std::string_view name) {
  if (is_digits(name)) return "a version's number is a whole one from 1, without zeros in front";
  const auto children = children_of(path);
  if (!children) return "it can't be read";
  if (children->a_version || children->draft) return {};
  if (children->others.empty()) return "it has no version; the first is a folder 1";
  return fmt::format("it has no version, and '{}' is none; the first is a folder 1", children->others[0]);
}

bool has_versions(const std::string& path) {
  const auto children = children_of(path);
  return children && children->a_version;
}

// Nobody's mistake: a disk's own folder, and what a model has beside versions that are still to come.
bool is_known(std::string_view name) { return name == "lost+found" || name == "labels"; }

}  // namespace

std::vector<ModelSpec> expand_repository(const ModelSpec& given, std::vector<LeftOut>* left_out) {
  if (!given.repository) return {given};
  auto children = children_of(given.path);
  if (!children) return {given};
  std::vector<ModelSpec> models;
  for (const std::string& name : children->others) {
    ModelSpec spec = given;
    spec.name = name;
    spec.path = path_of(given.path, name);
    if (has_versions(spec.path)) {
      models.push_back(std::move(spec));
    } else if (left_out != nullptr && !children->a_version && !is_known(name)) {
      std::string why = why_no_model(spec.path, name);
      if (!why.empty()) children->left_out.push_back({std::move(spec.path), std::move(why)});
    }
  }
  // The folders beside the versions of one model are its own.
  if (left_out != nullptr && !children->a_version) *left_out = std::move(children->left_out);
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
