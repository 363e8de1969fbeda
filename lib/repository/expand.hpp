// A folder of models: BASE/NAME/<version number>/model.nn.
#pragma once

#include <string>
#include <vector>

#include "repository/repository.hpp"

namespace nn::repository {

inline constexpr std::size_t most_models = 65536;  // of a folder

// The models of a repository's path, by their names' order: itself, where the folder has children that are
// versions' numbers; or one for each child that has such children. Names that begin with a dot, and those
// that can't be a model's, are nobody's. Where there is neither, and where the folder can't be read, it is
// one model, of which nothing is there yet: whoever loads it finds out why. May be asked again, for models
// that came or went; a model file is what it is. `left_out` gets the other folders of a folder of models, but
// those whose names begin with a dot. Data error where the folder is both, or a name was given for several.
std::vector<ModelSpec> expand_repository(const ModelSpec& given, std::vector<LeftOut>* left_out = nullptr);

}  // namespace nn::repository
