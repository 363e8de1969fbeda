// Models as NumPy archives.
#include <algorithm>

#include "base/error.hpp"
#include "base/file.hpp"
#include "exchange/convert.hpp"
#include "exchange/named_arrays.hpp"
#include "format/numpy/npy.hpp"

namespace nn::exchange {
namespace {

constexpr const char* description_member = "model.json";

// numpy.savez(**dict(numpy.load(…))) turns a member that is no array into an array of
// bytes: its header is "\x93NUMPY", a version, and a length in 2 (version 1) or 4 bytes.
std::string without_npy_header(std::string text) {
  constexpr std::string_view magic = "\x93NUMPY";
  if (!text.starts_with(magic) || text.size() < 12) return text;
  const auto byte = [&](std::size_t i) {
    return static_cast<std::size_t>(static_cast<unsigned char>(text[i]));
  };
  std::size_t start = 0;
  if (byte(6) == 1) {
    start = 10 + (byte(8) | byte(9) << 8);
  } else {
    start = 12 + (byte(8) | byte(9) << 8 | byte(10) << 16 | byte(11) << 24);
  }
  text.erase(0, std::min(start, text.size()));
  text.erase(std::find(text.begin(), text.end(), '\0'), text.end());
  return text;
}

std::string description_of(const format::NpzArchive& archive, const std::string& path) {
  const auto& names = archive.names();
  if (std::find(names.begin(), names.end(), description_member) == names.end()) {
    throw data_error("has no member {}, so it is not a model that nn-model convert wrote", description_member)
        .within_file(path);
  }
  try {
    return archive.read_text(description_member);
  } catch (const Error& error) {
    try {
      return without_npy_header(archive.read_text(std::string(description_member) + ".npy"));
    } catch (const Error&) {
      throw error;
    }
  }
}

class NpzFile : public ArrayFile {
 public:
  explicit NpzFile(const std::string& path) : path_(path), archive_(path) {}
  const std::string& path() const override { return path_; }
  std::string_view kind() const override { return "NumPy archive"; }
  std::uint64_t bytes() const override { return archive_.bytes(); }
  std::vector<std::string> names() const override {
    std::vector<std::string> names = archive_.names();
    std::erase(names, description_member);
    return names;
  }
  std::string_view description_name() const override { return description_member; }
  std::string read_description() const override { return description_of(archive_, path_); }
  NamedArray head(const std::string& name) const override { return named(archive_.head(name)); }
  NamedArray read(const std::string& name,
                  const std::function<void(const NamedArray&)>& check) const override {
    auto array = std::make_shared<format::NpyArray>(
        archive_.read(name, [&](const format::NpyArray& head) { check(named(head)); }));
    NamedArray out = named(*array);
    out.data = array->data.bytes();
    out.owner = std::move(array);
    return out;
  }

 private:
  static NamedArray named(const format::NpyArray& array) {
    return {std::string(name_of(array.type)), array.type, array.shape, {}, {}};
  }

  std::string path_;
  format::NpzArchive archive_;
};

}  // namespace

void save_npz(const std::string& path, const model::Model& model) {
  OutputFile file(path);
  format::NpzWriter writer(file);
  each_weight(model, [&](const Parameter& parameter, std::span<const float> values) {
    writer.add(parameter.name, DType::f32, parameter.shape, std::as_bytes(values));
  });
  writer.add_text(description_member, model_json(model));
  writer.finish();
  file.commit();
}

model::Model load_npz(const std::string& path) { return model_of(NpzFile(path)); }

std::unique_ptr<ArrayFile> open_npz(const std::string& path) { return std::make_unique<NpzFile>(path); }

}  // namespace nn::exchange
