#include "format/safetensors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <tuple>

#include "base/error.hpp"
#include "base/json_text.hpp"
#include "base/memory.hpp"
#include "base/text.hpp"
#include "format/safetensors_header.hpp"

namespace nn::format {
namespace {

static_assert(std::endian::native == std::endian::little, "the numbers of a file are those of memory");

constexpr std::uint64_t longest_header = 100'000'000;  // of the library's reader as well
constexpr std::size_t length_bytes = 8;
constexpr std::string_view widened = "BF16";

struct NumberType {
  std::string_view name;
  DType type;
};
constexpr NumberType numbers[] = {
    {"BOOL", DType::boolean}, {"U8", DType::u8},   {"I8", DType::i8},   {"U16", DType::u16},
    {"I16", DType::i16},      {"U32", DType::u32}, {"I32", DType::i32}, {"U64", DType::u64},
    {"I64", DType::i64},      {"F16", DType::f16}, {"F32", DType::f32}, {"F64", DType::f64},
    {widened, DType::f32},
};

std::string_view header_of(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with("version https://git-lfs"))
    fail_data("a pointer of Git LFS to the file, not the file itself");
  std::uint64_t length = 0;
  if (bytes.size() < length_bytes)
    fail_data("not safetensors: {} bytes, not even a header's length", bytes.size());
  std::memcpy(&length, bytes.data(), sizeof length);
  if (length > longest_header)
    fail_data("not safetensors: its header would have {} bytes, and {} are the limit", length,
              longest_header);
  if (length > bytes.size() - length_bytes) {
    fail_data("cut off: {} bytes, and its header alone needs {}", bytes.size(), length + length_bytes);
  }
  return text.substr(length_bytes, length);
}

// Orders tensors by their bytes, and sees that each byte belongs to one.
void check_covered(std::vector<SafeTensorHead>& tensors, std::uint64_t size) {
  std::sort(tensors.begin(), tensors.end(), [](const SafeTensorHead& a, const SafeTensorHead& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  std::uint64_t at = 0;
  for (const SafeTensorHead& tensor : tensors) {
    const auto fail = [&](const Error& error) {
      throw error.within(fmt::format("tensor '{}'", printable(tensor.name)));
    };
    if (tensor.begin > at) fail(data_error("no tensor has the bytes {} to {} before it", at, tensor.begin));
    if (tensor.begin < at)
      fail(data_error("it has bytes that another one has as well, from {} on", tensor.begin));
    if (tensor.end > size)
      fail(data_error("cut off: it ends at byte {} of the data, which has {}", tensor.end, size));
    at = tensor.end;
  }
  if (at != size) fail_data("{} bytes follow its last tensor", size - at);
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::string& path) : SafetensorsFile(MappedFile::open(path)) {}

SafetensorsFile::SafetensorsFile(std::shared_ptr<const MappedFile> file) : file_(std::move(file)) {
  try {
    const std::string_view text = header_of(file_->bytes());
    const auto data = file_->bytes().subspan(length_bytes + text.size());
    SafeHeader header = parse_safetensors_header(text);
    check_covered(header.tensors, data.size());
    tensors_.reserve(header.tensors.size());
    for (SafeTensorHead& tensor : header.tensors) {
      tensors_.push_back({std::move(tensor.name), tensor.type->name, std::move(tensor.shape),
                          data.subspan(tensor.begin, tensor.end - tensor.begin)});
    }
    metadata_ = std::move(header.metadata);
  } catch (const Error& error) {
    throw error.within_file(name());
  }
  for (const SafeTensor& tensor : tensors_) by_name_.push_back(&tensor);
  std::sort(by_name_.begin(), by_name_.end(),
            [](const SafeTensor* a, const SafeTensor* b) { return a->name < b->name; });
}

const SafeTensor* SafetensorsFile::find(std::string_view name) const {
  const auto found = std::lower_bound(by_name_.begin(), by_name_.end(), name,
                                      [](const SafeTensor* a, std::string_view b) { return a->name < b; });
  return found != by_name_.end() && (*found)->name == name ? *found : nullptr;
}

std::optional<DType> SafetensorsFile::type_of(const SafeTensor& tensor) {
  for (const NumberType& number : numbers) {
    if (number.name == tensor.type) return number.type;
  }
  return std::nullopt;
}

SafeValues SafetensorsFile::values(const SafeTensor& tensor) const {
  const DType type = *type_of(tensor);
  const auto address = reinterpret_cast<std::uintptr_t>(tensor.data.data());
  if (tensor.type != widened && address % size_of(type) == 0) return {type, tensor.data, file_};
  const std::size_t count = static_cast<std::size_t>(element_count(tensor.shape));
  auto copy = std::make_shared<Buffer>(count * size_of(type));
  if (tensor.type == widened) {
    for (std::size_t i = 0; i < count; ++i) {
      std::uint16_t high = 0;  // of the same number's 32 bits
      std::memcpy(&high, tensor.data.data() + i * sizeof high, sizeof high);
      copy->as<float>()[i] = std::bit_cast<float>(std::uint32_t{high} << 16);
    }
  } else {
    std::copy(tensor.data.begin(), tensor.data.end(), copy->data());
  }
  return {type, copy->bytes(), copy};
}

void write_safetensors(OutputFile& file, std::span<const WrittenTensor> tensors,
                       std::span<const std::pair<std::string, std::string>> metadata) {
  const auto quoted = [](const std::string& text) { return json_dump(nlohmann::json(text)); };
  std::string header = "{";
  if (!metadata.empty()) {
    header += "\"__metadata__\":{";
    for (const auto& [key, value] : metadata) {
      if (header.back() != '{') header += ',';
      header += quoted(key) + ':' + quoted(value);
    }
    header += '}';
  }
  std::uint64_t at = 0;
  for (const WrittenTensor& tensor : tensors) {
    if (header.back() != '{') header += ',';
    header +=
        fmt::format("{}:{{\"dtype\":\"F32\",\"shape\":[{}],\"data_offsets\":[{},{}]}}", quoted(tensor.name),
                    fmt::join(tensor.shape, ","), at, at + tensor.values.size_bytes());
    at += tensor.values.size_bytes();
  }
  header += '}';
  header.resize(align_up(length_bytes + header.size()) - length_bytes, ' ');
  if (header.size() > longest_header) {
    throw make_error(ErrorKind::unsupported,
                     "a header of {} bytes is longer than readers of safetensors take", header.size())
        .within_file(file.name());
  }
  const std::uint64_t length = header.size();
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(header);
  for (const WrittenTensor& tensor : tensors) file.write(std::as_bytes(tensor.values));
}

}  // namespace nn::format
