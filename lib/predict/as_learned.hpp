// Tables that are read as the one was that a model learned from.
#pragma once

#include <string>

#include "format/source.hpp"

namespace nn::predict {

// Fills in what `source` doesn't say of how a table of text is read: as the model at `path` says of its own.
// A path that is no file, such as a pipe, is left alone: it can't be looked at before. Errors as
// model::inspect_model() has them.
void read_as_learned(const std::string& path, format::SourceOptions& source);

}  // namespace nn::predict
