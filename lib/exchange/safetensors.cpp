// Models as files of safetensors.
#include "format/safetensors.hpp"

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/json_text.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "exchange/convert.hpp"
#include "exchange/json.hpp"
#include "exchange/named_arrays.hpp"

namespace nn::exchange {
namespace {

constexpr const char* description_key = "nn.description";
// What libraries look at, to know whose arrays these were: "np" is for whoever reads them.
constexpr const char* format_key = "format";

class SafeFile : public ArrayFile {
 public:
  explicit SafeFile(const std::string& path) : file_(path) {}
  const std::string& path() const override { return file_.name(); }
  std::string_view kind() const override { return "safetensors"; }
  std::uint64_t bytes() const override { return file_.bytes(); }
  std::vector<std::string> names() const override {
    std::vector<std::string> names;
    for (const format::SafeTensor& tensor : file_.tensors()) names.push_back(tensor.name);
    return names;
  }
  std::string_view description_name() const override { return description_key; }
  std::string read_description() const override {
    for (const auto& [key, value] : file_.metadata()) {
      if (key == description_key) return value;
    }
    throw data_error("has no '{}' among its metadata, so nothing says of which network its tensors are",
                     description_key)
        .within_file(path())
        .advise(
            " (where nn-model convert wrote it and other weights were put in, they have to be saved with the"
            " metadata of that file)");
  }
  std::vector<std::pair<std::string, std::string>> metadata() const override { return file_.metadata(); }
  NamedArray head(const std::string& name) const override {
    const format::SafeTensor& tensor = *file_.find(name);
    const DType type = format::SafetensorsFile::type_of(tensor).value_or(DType::opaque);
    return {std::string(tensor.type), type, tensor.shape, {}, {}};
  }
  NamedArray read(const std::string& name,
                  const std::function<void(const NamedArray&)>& check) const override {
    NamedArray out = head(name);
    check(out);
    format::SafeValues values = file_.values(*file_.find(name));
    out.data = values.data;
    out.owner = std::move(values.owner);
    return out;
  }

  void warn_of_what_is_lost() const {
    for (const auto& [key, value] : file_.metadata()) {
      if (key == description_key || key == format_key) continue;
      warn("{}: metadata '{}' has no place in a model and is left out", path(), printable(key));
    }
  }

 private:
  format::SafetensorsFile file_;
};

}  // namespace

void save_safetensors(const std::string& path, const model::Model& model) {
  std::vector<format::WrittenTensor> tensors;
  each_weight(model, [&](const Parameter& parameter, std::span<const float> values) {
    tensors.push_back({parameter.name, parameter.shape, values});
  });
  const std::pair<std::string, std::string> metadata[] = {{format_key, "np"},
                                                          {description_key, json_dump(model_to_json(model))}};
  OutputFile file(path);
  format::write_safetensors(file, tensors, metadata);
  file.commit();
}

model::Model load_safetensors(const std::string& path) {
  const SafeFile file(path);
  model::Model model = model_of(file);
  file.warn_of_what_is_lost();
  return model;
}

std::unique_ptr<ArrayFile> open_safetensors(const std::string& path) {
  return std::make_unique<SafeFile>(path);
}

}  // namespace nn::exchange
