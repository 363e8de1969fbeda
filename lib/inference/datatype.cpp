#include "inference/datatype.hpp"

#include <array>

namespace nn::inference {
namespace {

struct Words {
  std::string_view name, tensorflow_name;
  std::size_t size;
  int tensorflow_number, config_number;
};

// In the order of DataType.
constexpr std::array<Words, 14> words{{{"BOOL", "DT_BOOL", 1, 10, 1},
                                       {"UINT8", "DT_UINT8", 1, 4, 2},
                                       {"UINT16", "DT_UINT16", 2, 17, 3},
                                       {"UINT32", "DT_UINT32", 4, 22, 4},
                                       {"UINT64", "DT_UINT64", 8, 23, 5},
                                       {"INT8", "DT_INT8", 1, 6, 6},
                                       {"INT16", "DT_INT16", 2, 5, 7},
                                       {"INT32", "DT_INT32", 4, 3, 8},
                                       {"INT64", "DT_INT64", 8, 9, 9},
                                       {"FP16", "DT_HALF", 2, 19, 10},
                                       {"BF16", "DT_BFLOAT16", 2, 14, 14},
                                       {"FP32", "DT_FLOAT", 4, 1, 11},
                                       {"FP64", "DT_DOUBLE", 8, 2, 12},
                                       {"BYTES", "DT_STRING", 0, 7, 13}}};

const Words& of(DataType type) { return words[static_cast<std::size_t>(type)]; }

}  // namespace

std::string_view name_of(DataType type) { return of(type).name; }

std::optional<DataType> parse_datatype(std::string_view name) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i].name == name) return static_cast<DataType>(i);
  }
  return std::nullopt;
}

std::size_t size_of(DataType type) { return of(type).size; }
std::string_view tensorflow_name_of(DataType type) { return of(type).tensorflow_name; }
int tensorflow_number_of(DataType type) { return of(type).tensorflow_number; }

std::optional<DataType> datatype_of_tensorflow(std::uint64_t number) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (static_cast<std::uint64_t>(words[i].tensorflow_number) == number) return static_cast<DataType>(i);
  }
  return std::nullopt;
}

int config_number_of(DataType type) { return of(type).config_number; }

}  // namespace nn::inference
