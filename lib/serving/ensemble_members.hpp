// From an ensemble's file to its members.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "ensemble/ensemble_file.hpp"
#include "serving/ensemble_model.hpp"
#include "serving/replicated_model.hpp"

namespace nn::serving {

// Makes a servable of a member that workers have, and looks for it from then on. Usage and data errors for
// endpoints that are none.
using FindMember = std::function<std::shared_ptr<LateServable>(const ensemble::EnsembleFile&,
                                                               const ensemble::EnsembleFile::Member&)>;

// How long members that workers have are waited for when an ensemble is loaded.
inline constexpr std::chrono::milliseconds member_patience{5000};

// Loads the members of this machine; one whose device isn't among the places is a data error, and those that
// name none take turns. Those that workers have are looked for meanwhile, and waited for; without
// `find_member` they are a data error. Data error for a member that is an ensemble itself, io error for one
// that isn't there. Other errors as EnsembleModel and predict::Predictor have them.
std::unique_ptr<EnsembleModel> open_ensemble(const std::string& name, std::uint64_t version,
                                             const ensemble::EnsembleFile& file,
                                             std::span<const Place> places, backend::Precision precision,
                                             const FindMember& find_member);

}  // namespace nn::serving
