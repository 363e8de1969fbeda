// A network of ours made of a graph that any exporter wrote.
#pragma once

#include "model/model.hpp"
#include "onnx/graph.hpp"
#include "onnx/import_options.hpp"

namespace nn::onnx {

// The model that computes what the graph does, with its weights. Errors name the node and its operator where
// nothing here computes it; what a file only nearly says is never guessed.
model::Model import_graph(const Model& file, const ImportOptions& options);

}  // namespace nn::onnx
