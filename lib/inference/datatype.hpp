// Types of elements, as inference protocols call them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace nn::inference {

// Of the Open Inference Protocol, version 2 (kserve/open-inference-protocol, "Tensor Data Types").
enum class DataType : std::uint8_t {
  boolean,
  uint8,
  uint16,
  uint32,
  uint64,
  int8,
  int16,
  int32,
  int64,
  fp16,
  bf16,
  fp32,
  fp64,
  bytes
};

std::string_view name_of(DataType type);  // "FP32"
std::optional<DataType> parse_datatype(std::string_view name);
std::size_t size_of(DataType type);  // of an element; 0 for bytes, whose elements have lengths of their own
// TensorFlow's name and number (tensorflow/core/framework/types.proto): "DT_FLOAT", 1.
std::string_view tensorflow_name_of(DataType type);
int tensorflow_number_of(DataType type);
std::optional<DataType> datatype_of_tensorflow(std::uint64_t number);
// Triton's number in a ModelConfig (model_config.proto): FP32 is 11; its name is "TYPE_FP32", and BYTES is
// "TYPE_STRING".
int config_number_of(DataType type);

}  // namespace nn::inference
