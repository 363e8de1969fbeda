// The description of a model as JSON values.
#pragma once

#include <nlohmann/json.hpp>

#include "model/model.hpp"

namespace nn::exchange {

using Json = nlohmann::ordered_json;

Json model_to_json(const model::Model& model);

// One line a value, arrays of plain values in one, ends in a newline.
std::string json_text(const Json& json);

// A model as model_to_json() wrote it, but for the weights and the network's resolution. Data
// errors name the member that is missing or wrong.
struct JsonModel {
  std::string network;
  Shape input;
  model::Model model;  // network and parameters empty
};
JsonModel model_from_json(std::string_view text);

}  // namespace nn::exchange
