// Model repositories: BASE/<version number>/model.nn.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nn::repository {

// Checks the model ("-" is stdin) and puts a copy into the repository, which is made if it isn't there, as
// `version`, or without one as the next after the highest. The version is there complete or not at
// all, also after a crash, and several processes may publish at once: each gets a number of its own.
// Returns the number, and warns where the version before it has other classes, or not all of the
// columns. Data error where the model is broken or the version is there already.
std::uint64_t publish_model(const std::string& model, const std::string& base,
                            std::optional<std::uint64_t> version);

}  // namespace nn::repository
