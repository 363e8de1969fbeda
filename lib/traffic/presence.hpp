// Whether what a plan names is in the repository.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "base/error.hpp"
#include "base/file.hpp"
#include "traffic/plan.hpp"

namespace nn::traffic {

// Why a target is none at present: data error that names `base`. Of another model only whether a folder of
// its name lies beside `base`, which it needn't: it may be served from anywhere. Whether a version can be
// loaded isn't looked at. Errors as repository::read_standing() has them.
std::optional<Error> why_missing(const std::string& base, const Target& target);

// The first that is missing of a plan's arms, or its shadow. Errors as above.
std::optional<Error> first_missing(const std::string& base, const TrafficPlan& plan);

// Versions that a repository's plan names, for whoever loads them. One thread.
class PlannedVersions {
 public:
  // What `given` names where there is no plan's file. One look at the file's stamp where nothing has changed;
  // where the file is wrong, which others tell, what it said before.
  const std::set<std::uint64_t>& read(const std::string& base, const TrafficPlan& given);

 private:
  bool looked_ = false;
  std::optional<FileStamp> stamp_;
  std::set<std::uint64_t> versions_;
};

}  // namespace nn::traffic
