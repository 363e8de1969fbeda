// Elements of tensors in files beside the model, as exporters write them that know no limit of 2 GiB, and
// some that just do. Internal to lib/onnx.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/file.hpp"

namespace nn::onnx {

// Where a tensor's elements are, by its external_data.
struct ExternalPlace {
  std::string location;
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> length;
};

// Each file is mapped once. One thread.
class ExternalFiles {
 public:
  // `model_path` may be a link; what lies beside it may not.
  explicit ExternalFiles(std::string model_path) : model_path_(std::move(model_path)) {}

  // A map of the place's file, with the bytes [offset, offset + size) in it. Data errors: a location that
  // leads out of the model's folder, goes through a link or isn't a regular file, a file that is too short,
  // and a length other than `size`. Io errors where it can't be opened.
  struct Found {
    std::shared_ptr<const MappedFile> file;
    std::span<const std::byte> bytes;
  };
  Found find(const ExternalPlace& place, std::uint64_t size);

 private:
  std::shared_ptr<const MappedFile> open(const std::string& location);

  std::string model_path_;
  UniqueFd folder_;
  std::map<std::string, std::shared_ptr<const MappedFile>, std::less<>> files_;
};

}  // namespace nn::onnx
