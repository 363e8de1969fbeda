#include "serve/served.hpp"

#include <fmt/format.h>

#include "repository/standing.hpp"

namespace nn::serve {

std::string_view default_label(const serving::ModelEntry& model) {
  const auto label = model.labels.find(std::string_view(repository::stable_label));
  if (label == model.labels.end()) return {};
  const auto version = model.versions.find(label->second);
  const bool is_available = version != model.versions.end() && version->second.servable;
  return is_available ? label->first : std::string_view();
}

Served::Served(std::shared_ptr<serving::Servable> version)
    : servable(std::move(version)),
      signature(*servable),
      name(fmt::format("{}/{}", servable->name(), servable->version())) {}

const std::shared_ptr<const serving::Binding>& Served::binding(std::size_t table_number) {
  auto& binding = bindings[table_number];
  if (!binding) binding = serving::bind(servable, *signature.table(table_number));
  return binding;
}

const std::shared_ptr<Served>& ServedVersions::of(const std::shared_ptr<serving::Servable>& servable) {
  auto& served = versions_[servable.get()];
  if (!served) served = std::make_shared<Served>(servable);
  return served;
}

void ServedVersions::look(const serving::Catalog& catalog) {
  std::erase_if(versions_, [&](const auto& entry) { return !catalog.serves(*entry.second->servable); });
}

}  // namespace nn::serve
