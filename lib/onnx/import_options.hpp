// What the person who imports a model says about it.
#pragma once

#include <functional>
#include <string>

#include "model/model.hpp"

namespace nn::onnx {

struct ImportOptions {
  // The model, without its weights, of the description that an export of ours carries, as exchange/json.hpp
  // reads it; data errors where it is none. Empty: descriptions are not looked at.
  std::function<model::Model(const std::string& description)> read_description;
  std::string command_line;  // for the provenance of what is read from the graph
};

}  // namespace nn::onnx
