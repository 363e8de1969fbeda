#include "exchange/convert.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "exchange/file_formats.hpp"

namespace nn::exchange {
namespace {

// ".nn, .npz or .json"
std::string list_endings() {
  std::string list;
  const auto formats = file_formats();
  for (std::size_t i = 0; i < formats.size(); ++i) {
    list += i == 0 ? "" : i + 1 < formats.size() ? ", " : " or ";
    list += formats[i].ending;
  }
  return list;
}

// What has no ending that is known is taken for a model's own file: a checkpoint, standard input.
model::Model load_any(const std::string& path, const ConvertOptions& options) {
  const FileFormat* format = find_format(path);
  if (format == nullptr) return model::load_model(path);
  if (format->load == nullptr)
    throw data_error("a description has no weights, so it is not a whole model").within_file(path);
  return format->load(path, options);
}

void check_options(const std::string& input, const std::string& output, const ConvertOptions& options) {
  const onnx::ExportOptions& out = options.onnx;
  if (!output.ends_with(".onnx") && (out.opset || out.numeric || out.layout || out.input)) {
    throw make_error(ErrorKind::usage, "{}: the output is no .onnx file", printable(output, 4096))
        .advise(", which --opset, --numeric, --layout and --input are about");
  }
  if (!input.ends_with(".onnx") && (!options.import.classes.empty() || options.import.loss)) {
    throw make_error(ErrorKind::usage, "{}: the input is no .onnx file", printable(input, 4096))
        .advise(", which --classes and --loss are about");
  }
}

}  // namespace

model::AnyModel inspect_file(const std::string& path) {
  const FileFormat* format = find_format(path);
  return format != nullptr && format->inspect != nullptr ? format->inspect(path)
                                                         : model::inspect_model(path, false);
}

std::string show_file(const std::string& path, bool as_json) {
  const FileFormat* format = find_format(path);
  if (format != nullptr && format->show != nullptr) return format->show(path, as_json);
  const model::AnyModel file = inspect_file(path);
  return as_json ? file_json(file) : file_text(file);
}

void convert_file(const std::string& input, const std::string& output, const ConvertOptions& options) {
  const FileFormat* format = find_format(output);
  if (format == nullptr) {
    fail_usage("{}: the name of the output must end in {}", printable(output, 4096), list_endings());
  }
  check_options(input, output, options);
  model::Model model = load_any(input, options);
  format->save(output, model, options);
}

}  // namespace nn::exchange
