// Models in files of named arrays: what all formats of that kind have in common.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "model/model.hpp"
#include "tensor/dtype.hpp"

namespace nn::exchange {

struct NamedArray {
  std::string type;           // what the format calls it, for messages: "float32"
  DType values = DType::f32;  // of `data`; a number, or the file's own type where that is none
  Shape shape;
  std::span<const std::byte> data;    // little-endian, C order, aligned to its type
  std::shared_ptr<const void> owner;  // keeps `data` alive
};

// Arrays of a file by their names, and a text that describes the model.
class ArrayFile {
 public:
  virtual ~ArrayFile() = default;
  virtual const std::string& path() const = 0;
  virtual std::string_view kind() const = 0;  // for people: "NumPy archive"
  virtual std::uint64_t bytes() const = 0;    // of the file
  // Of all arrays, in the file's order; the description is none of them.
  virtual std::vector<std::string> names() const = 0;
  // What read_description() reads, for messages: "model.json".
  virtual std::string_view description_name() const = 0;
  // Data error where the file has none.
  virtual std::string read_description() const = 0;
  // What else the file says, in its order, the description included where it is a part of it.
  virtual std::vector<std::pair<std::string, std::string>> metadata() const { return {}; }
  // Type and shape, without `data`. Data errors as read()'s.
  virtual NamedArray head(const std::string& name) const = 0;
  // `check` sees type and shape before memory is taken for values; what it throws goes to the caller. Data
  // errors name the file and the array.
  virtual NamedArray read(const std::string& name,
                          const std::function<void(const NamedArray&)>& check) const = 0;
};

std::unique_ptr<ArrayFile> open_npz(const std::string& path);
std::unique_ptr<ArrayFile> open_safetensors(const std::string& path);

// The model that a description is of, with its network and without weights; of a file, or as text.
model::Model described_model(const std::string& text);
model::Model described_model(const ArrayFile& file);

// The model of the file, with the weights that are in there now: any type of number, the same shapes, finite.
// Arrays that are no weights are left out with a warning. Errors name the file and the array.
model::Model model_of(const ArrayFile& file);

// Everything that model_of() would refuse about the arrays, and the names of those that it would leave out.
struct ArrayFindings {
  std::vector<Error> refused;
  std::vector<std::string> left_out;
};
ArrayFindings look_through(const ArrayFile& file, const model::Model& described);

// What the file is, whether or not it holds a model, as text for people of several lines and as a JSON
// object.
std::string arrays_text(const ArrayFile& file);
std::string arrays_json(const ArrayFile& file);

// Calls `use` with each weight of the model, in the order of the model's file.
void each_weight(const model::Model& model,
                 const std::function<void(const Parameter&, std::span<const float>)>& use);

}  // namespace nn::exchange
