// What the person who imports a model says about it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/model.hpp"
#include "nn/network.hpp"

namespace nn::onnx {

struct ImportOptions {
  // The model, without its weights, of the description that an export of ours carries, as exchange/json.hpp
  // reads it; data errors where it is none. Empty: descriptions are not looked at.
  std::function<model::Model(const std::string& description)> read_description;
  std::string command_line;  // for the provenance of what is read from the graph
  std::string digest;        // of the file, likewise
  // What the classes are called, in the order of the outputs; says that outputs that nothing makes
  // probabilities of are of classes. Empty: the file says it, or they are numbers.
  std::vector<std::string> classes;
  // What training goes on with; nothing: cross-entropy of classes, mse of numbers.
  std::optional<LossChoice> loss;
};

}  // namespace nn::onnx
