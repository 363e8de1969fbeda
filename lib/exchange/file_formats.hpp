// The formats that a model is converted from and to, by the ending of a file's name: one table, in which a
// new format is a line.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "exchange/convert.hpp"
#include "model/model.hpp"

namespace nn::exchange {

struct FileFormat {
  std::string_view ending;  // ".npz"
  // Errors name the file. Null: the file does not hold a whole model.
  model::Model (*load)(const std::string& path, const ConvertOptions& options);
  // Complete or not at all. It may fill in model.digest.
  void (*save)(const std::string& path, model::Model& model, const ConvertOptions& options);
  // The model without weights, as far as the file describes one. Null: there is none to be seen.
  model::AnyModel (*inspect)(const std::string& path) = nullptr;
  // What the file is, whether or not it is a model that load() takes: text for people, or a JSON object.
  // Null: what inspect() returns says it all.
  std::string (*show)(const std::string& path, bool as_json) = nullptr;
};

// In the order that messages list them.
std::span<const FileFormat> file_formats();

// Null where the name has none of the endings.
const FileFormat* find_format(std::string_view path);

}  // namespace nn::exchange
