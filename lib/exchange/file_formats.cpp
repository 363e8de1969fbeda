#include "exchange/file_formats.hpp"

#include <algorithm>
#include <memory>

#include "base/file.hpp"
#include "exchange/convert.hpp"
#include "exchange/named_arrays.hpp"
#include "onnx/import.hpp"

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

using Options = ConvertOptions;

template <model::Model (*load)(const std::string& path)>
model::Model load_plain(const std::string& path, const Options&) {
  return load(path);
}

template <void (*save)(const std::string& path, const model::Model& model)>
void save_plain(const std::string& path, model::Model& model, const Options&) {
  save(path, model);
}

model::Model load_graph(const std::string& path, const Options& given) {
  onnx::ImportOptions options = given.import;
  options.read_description = [](const std::string& text) { return described_model(text); };
  return onnx::load_onnx(path, options);
}

void save_graph(const std::string& path, model::Model& model, const Options& given) {
  onnx::ExportOptions options = given.onnx;
  options.description = model_json(model);
  // Of a model that comes from another kind of file it is that of the file that it would be.
  if (model.digest.empty()) model::save_model("/dev/null", model);
  onnx::save_onnx(path, model, options);
}

constexpr FileFormat formats[] = {
    {".nn", load_plain<model::load_model>,
     [](const std::string& path, model::Model& model, const Options&) { model::save_model(path, model); }},
    {".npz", load_plain<load_npz>, save_plain<save_npz>, inspect_arrays<open_npz>, show_arrays<open_npz>},
    {".safetensors", load_plain<load_safetensors>, save_plain<save_safetensors>,
     inspect_arrays<open_safetensors>, show_arrays<open_safetensors>},
    {".onnx", load_graph, save_graph},
    {".json", nullptr,
     [](const std::string& path, model::Model& model, const Options&) {
       write_file(path, model_json(model));
     }},
};

}  // namespace

std::span<const FileFormat> file_formats() { return formats; }

const FileFormat* find_format(std::string_view path) {
  const auto* found = std::find_if(std::begin(formats), std::end(formats),
                                   [&](const FileFormat& format) { return path.ends_with(format.ending); });
  return found == std::end(formats) ? nullptr : found;
}

}  // namespace nn::exchange
