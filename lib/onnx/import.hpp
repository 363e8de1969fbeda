// Models out of ONNX files: our own exports come back as they were, other graphs through import_graph().
#pragma once

#include <optional>
#include <string>

#include "model/model.hpp"
#include "onnx/graph.hpp"
#include "onnx/import_options.hpp"

namespace nn::onnx {

// Reads a file and makes a model of it. Errors name the file. The description that an export of ours carries
// counts only where the graph is what it says, whatever the weights are by now; otherwise a warning says so,
// and the graph alone is read.
model::Model load_onnx(const std::string& path, const ImportOptions& options);

// The model of a file's description with the file's weights; nothing where there is none, or the graph is
// another one than such a model is exported as. Data errors for weights that are not finite.
std::optional<model::Model> import_own(const Model& file, const ImportOptions& options);

}  // namespace nn::onnx
