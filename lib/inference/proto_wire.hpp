// The wire format of protocol buffers, among what this module makes of it.
#pragma once

#include "format/protobuf/wire.hpp"

namespace nn::inference::proto {

using namespace format::proto;

}  // namespace nn::inference::proto
