// Files of safetensors: named tensors behind a header of JSON (https://github.com/huggingface/safetensors).
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.hpp"
#include "tensor/batch.hpp"

namespace nn::format {

struct SafeTensor {
  std::string name;
  std::string_view type;  // as the file calls it: "F32", "BF16", "F8_E4M3"
  Shape shape;
  std::span<const std::byte> data;  // little-endian, C order, at any address
};

// Values that number_at() reads.
struct SafeValues {
  DType type = DType::f32;
  std::span<const std::byte> data;    // aligned to its type
  std::shared_ptr<const void> owner;  // keeps `data` alive
};

// A file that is read, with all of its header checked: each byte behind it belongs to one tensor, which has
// as many as its shape needs. It takes time and memory in proportion to the header, of at most 100 MB. Data
// errors name the file and the tensor. Thread-safe.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::string& path);
  explicit SafetensorsFile(std::shared_ptr<const MappedFile> file);
  SafetensorsFile(SafetensorsFile&&) = default;

  const std::string& name() const { return file_->name(); }
  std::uint64_t bytes() const { return file_->bytes().size(); }
  const std::vector<SafeTensor>& tensors() const { return tensors_; }  // in the order of their data
  const SafeTensor* find(std::string_view name) const;
  // What "__metadata__" says, in the order of the file.
  const std::vector<std::pair<std::string, std::string>>& metadata() const { return metadata_; }

  // The type that values() gives: BF16 is widened to f32. Nothing where they are no numbers that these tools
  // compute with, as those of 8 bits and less.
  static std::optional<DType> type_of(const SafeTensor& tensor);
  // In place where the tensor is aligned, else a copy. REQUIRES: type_of(tensor).
  SafeValues values(const SafeTensor& tensor) const;

 private:
  std::shared_ptr<const MappedFile> file_;
  std::vector<SafeTensor> tensors_;
  std::vector<const SafeTensor*> by_name_;
  std::vector<std::pair<std::string, std::string>> metadata_;
};

struct WrittenTensor {
  std::string name;
  Shape shape;
  std::span<const float> values;  // as many as the shape has
};

// Writes tensors in their order, without gaps, behind a header that ends at a multiple of 64 bytes: equal
// contents give equal bytes. Names are unique; names and metadata are UTF-8. Unsupported where the header
// would be longer than readers take. file.commit() stays with the caller.
void write_safetensors(OutputFile& file, std::span<const WrittenTensor> tensors,
                       std::span<const std::pair<std::string, std::string>> metadata);

}  // namespace nn::format
