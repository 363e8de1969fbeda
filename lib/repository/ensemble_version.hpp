// Versions that are ensembles, and the others that they are made of.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "ensemble/ensemble_file.hpp"
#include "model/model.hpp"

namespace nn::repository {

// In place of a model's file.
inline constexpr char ensemble_name[] = "ensemble.toml";
bool is_ensemble(const std::string& path);  // by its name, which ends in .toml

// The file at `path`. Errors as read_small_file() and ensemble::parse_ensemble() have them, io where there is
// none.
ensemble::EnsembleFile read_ensemble(const std::string& path);

// Looks whether what it is made of is on this machine, but for members that workers have. Data error for one
// that is an ensemble itself, io error for one that isn't there: it may come.
void check_parts(const ensemble::EnsembleFile& file);

// The stamp of an ensemble's file and of what it is made of together: it changes when one of them does.
FileStamp with_parts(const FileStamp& own, const std::string& path);

// What clients of a version send and get.
struct Interface {
  model::Target target;
  std::vector<model::InputColumn> columns;
};
// Of a model's file, or an ensemble's, whose members must go together. Nothing where all members are at
// workers, and none of them is here as well. `whole`: each byte of the models is checked. Errors as
// model::inspect_model(), check_parts() and read_ensemble() have them, data errors for members that don't go
// together.
std::optional<Interface> interface_of(const std::string& path, bool whole);

// The file of a version: its model's, else its ensemble's.
std::string version_file(const std::string& base, std::uint64_t version);

// Versions of the repository at `base` that ensembles name: those among `versions` of its own, and all of the
// models beside it. With the first of them each, "e/3". Ensembles that can't be read count for nothing.
std::map<std::uint64_t, std::string> named_by_ensembles(const std::string& base,
                                                        const std::vector<std::uint64_t>& versions);

}  // namespace nn::repository
