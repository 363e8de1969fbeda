// From a repository's version to a servable that is ready to answer.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "repository/repository.hpp"
#include "serving/ensemble_members.hpp"
#include "serving/replicated_model.hpp"

namespace nn::serving {

// A model on one or several places, or an ensemble whose members are spread over them, warmed up. In the
// thread that loads: it is pinned to a place's device afterwards, or where the warm-up says. Errors as
// LocalModel and open_ensemble() have them.
std::unique_ptr<Servable> open_version(const std::string& name, const repository::FoundVersion& version,
                                       std::span<const Place> places, backend::Precision precision,
                                       const WarmUp& warm_up, const FindMember& find_member = {});

}  // namespace nn::serving
