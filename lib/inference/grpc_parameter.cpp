#include "inference/grpc_parameter.hpp"

namespace nn::inference::proto {

Parameter read_parameter_value(std::string_view message) {
  Parameter value;
  const auto number = [&](Parameter::Kind kind, std::uint64_t bits) { value = {kind, bits}; };
  // Of the fields of a oneof the last one counts.
  for (Reader field(message); field.next();) {
    switch (field.key()) {
      case varint(1): number(Parameter::Kind::boolean, field.value()); break;
      case varint(2): number(Parameter::Kind::integer, field.value()); break;
      case bytes(3): value = {Parameter::Kind::text, 0, field.text()}; break;
      case key(4, Wire::fixed64): number(Parameter::Kind::real, field.value()); break;
      case varint(5): number(Parameter::Kind::unsigned_integer, field.value()); break;
      default: break;
    }
  }
  return value;
}

std::pair<std::string_view, Parameter> read_parameter(std::string_view entry) {
  const MapEntry read = read_entry(entry);
  return {read.key, read_parameter_value(read.value)};
}

}  // namespace nn::inference::proto
