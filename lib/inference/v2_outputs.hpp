// What a request of version 2 says of its outputs. For this module's sources only.
#pragma once

#include <vector>

#include "inference/json.hpp"
#include "inference/signature.hpp"
#include "inference/v2.hpp"

namespace nn::inference {

// Appends them. Data errors: the model has no such output, or one is there twice.
void read_v2_outputs(JsonBody& json, json::value& value, const Signature& signature,
                     std::vector<WantedOutput>& outputs);

}  // namespace nn::inference
