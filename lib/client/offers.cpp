#include "client/offers.hpp"

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/json_text.hpp"
#include "base/text.hpp"

namespace nn::client {

Offers parse_offers(std::string_view text) {
  constexpr std::size_t deepest = 16;
  const auto models =
      json_nests_deeper(text, deepest) ? nlohmann::json() : nlohmann::json::parse(text, nullptr, false);
  Offers out;
  try {
    if (!models.is_array()) fail_data("no list of models");
    for (const auto& model : models) {
      Offer& offer = out[model.at("name").get<std::string>()];
      for (const auto& version : model.at("versions")) {
        offer.versions[version.at("version").get<std::uint64_t>()] = version.at("digest").get<std::string>();
      }
      if (model.contains("labels")) offer.labels = model["labels"].get<decltype(offer.labels)>();
    }
  } catch (const nlohmann::json::exception& error) {
    fail_data("a report of models that can't be read: {}", printable(error.what()));
  }
  return out;
}

bool has_version(const Offers& offers, std::string_view model, std::uint64_t version,
                 std::string_view digest) {
  const auto found = offers.find(model);
  if (found == offers.end()) return false;
  const auto at = found->second.versions.find(version);
  return at != found->second.versions.end() && at->second == digest;
}

}  // namespace nn::client
