// The header of safetensors. For the reader of this module only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tensor/batch.hpp"

namespace nn::format {

// A type of safetensors.
struct SafeType {
  std::string_view name;
  std::uint64_t bits;
};

struct SafeTensorHead {
  std::string name;
  const SafeType* type = nullptr;
  Shape shape;
  std::uint64_t begin = 0,
                end = 0;  // of its bytes, from the end of the header on; as many as its shape needs
};

struct SafeHeader {
  std::vector<SafeTensorHead> tensors;  // names are unique
  std::vector<std::pair<std::string, std::string>> metadata;
};

// Data errors, without the file. Time and memory are in proportion to the text.
SafeHeader parse_safetensors_header(std::string_view text);

}  // namespace nn::format
