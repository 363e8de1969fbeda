// The formats that a model is converted from and to, by the ending of a file's name: one table, in which a
// new format is a line.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "model/model.hpp"

namespace nn::exchange {

struct FileFormat {
  std::string_view ending;  // ".npz"
  // Errors name the file. Null: the file does not hold a whole model.
  model::Model (*load)(const std::string& path);
  // Complete or not at all. It may fill in model.digest.
  void (*save)(const std::string& path, model::Model& model);
};

// In the order that messages list them.
std::span<const FileFormat> file_formats();

// Null where the name has none of the endings.
const FileFormat* find_format(std::string_view path);

}  // namespace nn::exchange
