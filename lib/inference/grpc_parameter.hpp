// Parameters of messages of inference.GRPCInferenceService: values of one of some types, by name.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "inference/proto_wire.hpp"

namespace nn::inference::proto {

// An InferParameter, or a ModelRepositoryParameter as far as they are alike. Views of the message.
struct Parameter {
  enum class Kind : std::uint8_t { none, boolean, integer, text, real, unsigned_integer };
  Kind kind = Kind::none;
  std::uint64_t bits = 0;  // of a number
  std::string_view text = {};

  // A whole number from 0 on; nothing where it is anything else.
  std::optional<std::int64_t> whole() const {
    if (kind != Kind::integer && kind != Kind::unsigned_integer) return std::nullopt;
    if (bits > INT64_MAX) return std::nullopt;
    return static_cast<std::int64_t>(bits);
  }
};

Parameter read_parameter_value(std::string_view message);
// An entry of a map of them.
std::pair<std::string_view, Parameter> read_parameter(std::string_view entry);

}  // namespace nn::inference::proto
