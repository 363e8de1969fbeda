// The end of making a network, from words or from a file. Internal to lib/nn.
#pragma once

#include "nn/network.hpp"

namespace nn {

// Checks what holds whatever the data is, and names the layers.
void finish_layers(Network& network);

}  // namespace nn
