#include "exchange/file_formats.hpp"

#include <algorithm>
#include <memory>

#include "base/file.hpp"
#include "exchange/convert.hpp"
#include "exchange/named_arrays.hpp"

namespace nn::exchange {
namespace {

using OpenArrays = std::unique_ptr<ArrayFile> (*)(const std::string& path);

template <OpenArrays open>
model::AnyModel inspect_arrays(const std::string& path) {
  const std::unique_ptr<ArrayFile> file = open(path);
  return {described_model(*file), std::nullopt, file->bytes()};
}

template <OpenArrays open>
std::string show_arrays(const std::string& path, bool as_json) {
  const std::unique_ptr<ArrayFile> file = open(path);
  return as_json ? arrays_json(*file) : arrays_text(*file);
}

constexpr FileFormat formats[] = {
    {".nn", model::load_model, model::save_model},
    {".npz", load_npz, [](const std::string& path, model::Model& model) { save_npz(path, model); },
     inspect_arrays<open_npz>, show_arrays<open_npz>},
    {".safetensors", load_safetensors,
     [](const std::string& path, model::Model& model) { save_safetensors(path, model); },
     inspect_arrays<open_safetensors>, show_arrays<open_safetensors>},
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
