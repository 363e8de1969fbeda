#include <array>
#include <optional>
#include <span>
#include <utility>

#include "base/error.hpp"
#include "format/array_source.hpp"
#include "format/readers.hpp"

namespace nn::format {
namespace {

// The third byte of the magic number.
std::optional<DType> idx_type(std::byte code) {
  switch (std::to_integer<int>(code)) {
    case 0x08: return DType::u8;
    case 0x09: return DType::i8;
    case 0x0B: return DType::i16;
    case 0x0C: return DType::i32;
    case 0x0D: return DType::f32;
    case 0x0E: return DType::f64;
    default: return std::nullopt;
  }
}

void read_header_part(ArrayInput& input, std::span<std::byte> out) {
  if (input.read_some_of(out) < out.size())
    throw data_error("cut off inside the IDX header").within_file(input.name());
}

// Two zero bytes, type, number of dimensions, then the dimensions as big-endian u32.
ArrayLayout read_idx_header(ArrayInput& input) {
  std::array<std::byte, 4> magic{};
  if (input.read_some_of(magic) < magic.size() || magic[0] != std::byte{0} || magic[1] != std::byte{0}) {
    throw data_error("not an IDX file (it does not start with two zero bytes, type and dimensions)")
        .within_file(input.name());
  }
  const auto type = idx_type(magic[2]);
  if (!type) {
    throw data_error("unknown IDX type 0x{:02x}; 0x08, 0x09 and 0x0b to 0x0e are known",
                     std::to_integer<unsigned>(magic[2]))
        .within_file(input.name());
  }
  ArrayLayout layout{*type, size_of(*type) > 1, false, {}};
  for (int d = 0; d < std::to_integer<int>(magic[3]); ++d) {
    std::array<std::byte, 4> bytes{};
    read_header_part(input, bytes);
    std::int64_t dimension = 0;
    for (const std::byte b : bytes) dimension = dimension << 8 | std::to_integer<std::int64_t>(b);
    layout.shape.push_back(dimension);
  }
  return layout;
}

}  // namespace

std::unique_ptr<BatchSource> read_idx(std::unique_ptr<ByteInput> input, const std::string& name) {
  ArrayInput bytes(std::move(input));
  ArrayLayout layout = read_idx_header(bytes);
  std::vector<NamedArray> arrays;
  arrays.push_back({name, ArrayReader(std::move(bytes), std::move(layout))});
  return rows_of_arrays(std::move(arrays));
}

}  // namespace nn::format
