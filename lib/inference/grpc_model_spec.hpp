// Parts that messages of TensorFlow Serving's gRPC services have in common.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "inference/grpc_tensorflow.hpp"
#include "inference/proto_wire.hpp"

namespace nn::inference {

// Adds what a ModelSpec says to `spec`: a message may come in parts.
void read_model_spec(std::string_view message, ModelSpec& spec);

// A ModelSpec with the version that answers.
template <typename Out>
void write_model_spec(Out& out, std::uint32_t number, std::string_view name, std::uint64_t version,
                      std::string_view signature) {
  out.message(number, [&](auto& spec) {
    spec.text(1, name);
    spec.message(2, [&](auto& value) { value.integer(1, version); });
    spec.text(3, signature.empty() ? "serving_default" : signature);
  });
}

// A TensorShapeProto.
template <typename Out>
void write_tensor_shape(Out& out, std::uint32_t number, std::span<const std::int64_t> sizes) {
  out.message(number, [&](auto& shape) {
    for (const std::int64_t size : sizes) {
      shape.message(2, [&](auto& dimension) { dimension.integer(1, static_cast<std::uint64_t>(size)); });
    }
  });
}

}  // namespace nn::inference
