#include "serving/catalog.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/text.hpp"

namespace nn::serving {
namespace {

bool is_available(const ModelEntry& model) {
  return std::any_of(model.versions.begin(), model.versions.end(),
                     [](const auto& v) { return v.second.servable != nullptr || v.second.cold; });
}

bool is_let_go(const ModelEntry& model) {
  return !model.versions.empty() && std::all_of(model.versions.begin(), model.versions.end(),
                                                [](const auto& v) { return v.second.refused; });
}

// Is it a version that would be loaded, or is there one, where none is named?
bool is_cold(const ModelEntry& model, std::uint64_t version) {
  if (version == 0) {
    return std::any_of(model.versions.begin(), model.versions.end(),
                       [](const auto& v) { return v.second.cold; });
  }
  const auto found = model.versions.find(version);
  return found != model.versions.end() && found->second.cold;
}

Error loading(std::uint64_t version, std::string_view model) {
  return make_error(ErrorKind::unavailable, "version {} of model '{}' is being loaded", version,
                    printable(model));
}

// Why no version of the model answers: the newest's reason counts.
Error no_version(std::string_view name, const ModelEntry& model) {
  for (auto at = model.versions.rbegin(); at != model.versions.rend(); ++at) {
    const VersionEntry& entry = at->second;
    if (entry.state == VersionState::start || entry.state == VersionState::loading)
      return loading(at->first, name);
    if (entry.reason) {
      return data_error("no version of model '{}' is loaded; version {}: {}", printable(name), at->first,
                        entry.reason->public_statement());
    }
  }
  if (model.reason) {
    return data_error("no version of model '{}' is loaded: {}", printable(name),
                      model.reason->public_statement());
  }
  return data_error("no version of model '{}' is loaded", printable(name));
}

Error no_such_version(std::uint64_t version, std::string_view name, const ModelEntry& model) {
  const auto found = model.versions.find(version);
  if (found != model.versions.end()) {
    const VersionEntry& entry = found->second;
    if (entry.reason) {
      return data_error("version {} of model '{}' is not served: {}", version, printable(name),
                        entry.reason->public_statement());
    }
    if (entry.state == VersionState::start || entry.state == VersionState::loading)
      return loading(version, name);
  }
  std::vector<std::uint64_t> versions;
  for (const auto& [number, entry] : model.versions) {
    if (entry.servable || entry.cold) versions.push_back(number);
  }
  if (versions.empty()) return no_version(name, model);
  return data_error("no version {} of model '{}'; there are: {}", version, printable(name),
                    fmt::join(versions, ", "));
}

// A label is wrong itself, or not there.
Error no_such_label(std::string_view label, std::string_view name, const ModelEntry& model) {
  const auto wrong = model.wrong_labels.find(label);
  if (wrong != model.wrong_labels.end()) {
    return data_error("label '{}' of model '{}' can't be read: {}", printable(label), printable(name),
                      wrong->second.public_statement());
  }
  std::vector<std::string_view> labels;
  for (const auto& [known, version] : model.labels) labels.push_back(known);
  if (labels.empty()) return data_error("model '{}' has no labels", printable(name));
  return data_error("model '{}' has no label '{}'; there are: {}", printable(name), printable(label),
                    fmt::join(labels, ", "));
}

}  // namespace

std::string_view name_of(VersionState state) {
  switch (state) {
    case VersionState::start: return "START";
    case VersionState::loading: return "LOADING";
    case VersionState::available: return "AVAILABLE";
    case VersionState::unloading: return "UNLOADING";
    case VersionState::end: break;
  }
  return "END";
}

Catalog::Found Catalog::find(std::string_view name, std::uint64_t version, std::string_view label) const {
  const auto* model = models.find(name);
  if (name.empty()) {
    std::vector<std::string_view> names;
    for (const auto& [known, entry] : models) {
      if (is_available(entry)) names.push_back(known);
    }
    if (names.size() > 1) {
      return {
          nullptr,
          data_error("there are several models").advise(", name one with -m: {}", fmt::join(names, ", "))};
    }
    if (names.size() == 1) model = models.find(names[0]);
    if (names.empty() && models.size() == 1) model = &*models.begin();
    if (names.empty() && models.size() != 1) return {nullptr, data_error("no model is loaded")};
  }
  if (model == nullptr) {
    std::vector<std::string_view> names;
    for (const auto& [known, entry] : models) {
      if (is_available(entry)) names.push_back(known);
    }
    if (names.empty()) return {nullptr, data_error("no model is loaded")};
    return {nullptr, data_error("no model '{}'; there are: {}", printable(name), fmt::join(names, ", "))};
  }
  const auto& [known, entry] = *model;
  if (!label.empty()) {
    const auto labelled = entry.labels.find(label);
    if (labelled == entry.labels.end()) return {nullptr, no_such_label(label, known, entry)};
    version = labelled->second;
  }
  if (version == 0) {
    const VersionEntry* newest = nullptr;
    for (auto at = entry.versions.rbegin(); at != entry.versions.rend(); ++at) {
      if (!at->second.servable) continue;
      if (!at->second.bad) return {at->second.servable, {}};
      if (newest == nullptr) newest = &at->second;
    }
    if (newest != nullptr) return {newest->servable, {}};
    return {nullptr, no_version(known, entry), is_cold(entry, 0) ? known : std::string()};
  }
  const auto found = entry.versions.find(version);
  if (found != entry.versions.end() && found->second.servable) return {found->second.servable, {}};
  const Error absence = no_such_version(version, known, entry);
  return {nullptr, label.empty() ? absence : absence.within(fmt::format("label '{}'", printable(label))),
          is_cold(entry, version) ? known : std::string()};
}

bool Catalog::serves(const Servable& servable) const {
  const auto* model = models.find(servable.name());
  if (model == nullptr) return false;
  const auto version = model->value.versions.find(servable.version());
  return version != model->value.versions.end() && version->second.servable.get() == &servable;
}

bool Catalog::any_available() const {
  return std::any_of(models.begin(), models.end(), [](const auto& m) { return is_available(m.value); });
}

bool Catalog::all_available() const {
  return std::all_of(models.begin(), models.end(), [](const auto& m) {
    return !m.value.required || is_available(m.value) || is_let_go(m.value);
  });
}

bool Catalog::ready() const {
  if (!all_available()) return false;
  return any_available() || std::any_of(models.begin(), models.end(), [](const auto& model) {
           const auto& versions = model.value.versions;
           return std::any_of(versions.begin(), versions.end(), [](const auto& v) { return v.second.asked; });
         });
}

}  // namespace nn::serving
