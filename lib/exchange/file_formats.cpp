#include "exchange/file_formats.hpp"

#include <algorithm>

#include "base/file.hpp"
#include "exchange/convert.hpp"

namespace nn::exchange {
namespace {

constexpr FileFormat formats[] = {
    {".nn", model::load_model, model::save_model},
    {".npz", load_npz, [](const std::string& path, model::Model& model) { save_npz(path, model); }},
    {".json", nullptr,
     [](const std::string& path, model::Model& model) { write_file(path, model_json(model)); }},
};

}  // namespace

std::span<const FileFormat> file_formats() { return formats; }

const FileFormat* find_format(std::string_view path) {
  const auto* found = std::find_if(std::begin(formats), std::end(formats),
                                   [&](const FileFormat& format) { return path.ends_with(format.ending); });
  return found == std::end(formats) ? nullptr : found;
}

}  // namespace nn::exchange
