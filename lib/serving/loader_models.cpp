// Which models a loader has: folders of models get more of them, and fewer.
#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "base/text.hpp"
#include "repository/expand.hpp"
#include "serving/loader.hpp"

namespace nn::serving {

void Loader::add_entry(const repository::ModelSpec& spec) {
  numbers_.emplace(spec.name, entries_.size());
  Entry& entry = entries_.emplace_back();
  entry.spec = spec;
  entry.asleep = options_.lazy;
  entry.required = !options_.lazy && !started_;
}

// Folders that are no models are told once, those of a heap of them by their number.
std::vector<repository::ModelSpec> Loader::expand(std::size_t given) {
  constexpr std::size_t most_told = 10;
  std::vector<repository::LeftOut> left_out;
  auto models = repository::expand_repository(options_.models[given], &left_out);
  std::set<std::string> paths;
  std::size_t news = 0;
  for (const repository::LeftOut& one : left_out) {
    paths.insert(one.path);
    if (left_out_[given].contains(one.path) || ++news > most_told) continue;
    warn("{} is no model here: {}", printable(one.path), one.reason);
  }
  if (news > most_told)
    warn("{}: {} more folders are no models", printable(options_.models[given].path), news - most_told);
  left_out_[given] = std::move(paths);
  return models;
}

// A model whose folder has gone stays while something of it is loaded: the disk may be back tomorrow. Then
// look_at() says what is wrong with it.
bool Loader::take_models_of(std::size_t given) {
  const repository::ModelSpec& folder = options_.models[given];
  std::vector<std::string>& names = given_[given];
  std::vector<repository::ModelSpec> now;
  std::optional<Error> fault;
  try {
    now = expand(given);
  } catch (const Error& error) {
    fault = error;
  }
  const bool only_itself = now.size() == 1 && now[0].path == folder.path;
  if (only_itself && !(names.size() == 1 && names[0] == folder.name)) now.clear();
  bool changed = false;
  for (const repository::ModelSpec& spec : now) {
    if (std::find(names.begin(), names.end(), spec.name) != names.end()) continue;
    if (numbers_.contains(spec.name)) {
      fault = data_error("there is another model '{}' already", spec.name).within_file(spec.path);
      continue;
    }
    add_entry(spec);
    names.push_back(spec.name);
    note("model {}: it is in {}", spec.name, folder.path);
    changed = true;
  }
  if (!now.empty()) {
    const auto gone = std::erase_if(names, [&](const std::string& name) {
      const bool there =
          std::any_of(now.begin(), now.end(), [&](const auto& spec) { return spec.name == name; });
      return !there && entries_[numbers_.at(name)].loaded.empty();
    });
    changed = changed || gone > 0;
  }
  const auto told = faults_.find(folder.path);
  if (!fault) {
    if (told != faults_.end()) faults_.erase(told);
  } else if (told == faults_.end() || told->second.message() != fault->message()) {
    warn("{}; the models that are loaded stay", fault->what());
    log_.write("repository_failed", {{"error", fault->what()}});
    faults_.insert_or_assign(folder.path, *fault);
  }
  return changed;
}

bool Loader::is_folder_of_models(const Entry& entry) const {
  return std::any_of(options_.models.begin(), options_.models.end(), [&](const repository::ModelSpec& given) {
    return given.repository && !given.named && given.path == entry.spec.path;
  });
}

void Loader::take_models() {
  bool changed = false;
  for (std::size_t i = 0; i < given_.size(); ++i) {
    if (options_.models[i].repository && !options_.models[i].named) changed = take_models_of(i) || changed;
  }
  if (!changed) return;
  std::set<std::string_view> names;
  for (const auto& some : given_) names.insert(some.begin(), some.end());
  std::map<std::string, ModelEntry, std::less<>> models;
  for (Entry& entry : entries_) {
    if (names.contains(entry.spec.name)) {
      models[entry.spec.name] = picture_of(entry);
    } else if (!is_folder_of_models(entry)) {  // which was taken for a model while there was none in it
      note("model {}: it is let go, its folder is gone", entry.spec.name);
      log_.write("unload", {{"model", entry.spec.name}});
    }
  }
  std::erase_if(entries_, [&](const Entry& entry) { return !names.contains(entry.spec.name); });
  numbers_.clear();
  for (std::size_t i = 0; i < entries_.size(); ++i) numbers_.emplace(entries_[i].spec.name, i);
  models_ = SnapshotMap<ModelEntry>(std::move(models));
  publish();
}

}  // namespace nn::serving
