#include "format/array_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>

#include "base/error.hpp"
#include "format/readers.hpp"

namespace nn::format {
namespace {

static_assert(std::endian::native == std::endian::little, "columns in memory are little-endian");

// Large rows make smaller batches, so that memory stays bounded whatever the shape.
constexpr std::int64_t batch_bytes = 16 << 20;
// Bytes that a header's word is enough for, before any have arrived.
constexpr std::uint64_t first_allocation = 16u << 20;

template <typename T>
T byte_swapped(T value) {
  if constexpr (sizeof(T) == 2) return static_cast<T>(__builtin_bswap16(value));
  if constexpr (sizeof(T) == 4) return __builtin_bswap32(value);
  if constexpr (sizeof(T) == 8) return __builtin_bswap64(value);
}

template <typename T>
void swap_all(std::span<std::byte> bytes) {
  T* values = reinterpret_cast<T*>(bytes.data());
  for (std::size_t i = 0; i < bytes.size() / sizeof(T); ++i) values[i] = byte_swapped(values[i]);
}

// From the file's representation to the one of columns, in place.
void convert(const ArrayLayout& layout, std::span<std::byte> bytes) {
  if (layout.type == DType::boolean) {
    // NumPy takes any byte but 0 as true; columns hold 0 and 1 only.
    for (std::byte& b : bytes) b = std::byte{b != std::byte{0}};
  }
  if (!layout.big_endian) return;
  switch (size_of(layout.type)) {
    case 2: swap_all<std::uint16_t>(bytes); break;
    case 4: swap_all<std::uint32_t>(bytes); break;
    case 8: swap_all<std::uint64_t>(bytes); break;
    default: break;
  }
}

bool as_in_memory(const ArrayLayout& layout) {
  return layout.type != DType::boolean && (!layout.big_endian || size_of(layout.type) == 1);
}

// Rows first … first + count of a Fortran-order array: element e of a row (in C order) lies
// in a run of all rows' elements e.
template <typename T>
void gather(const std::byte* from, const Shape& shape, std::int64_t first, std::int64_t count,
            std::byte* to) {
  T* out = reinterpret_cast<T*>(to);
  const Shape row_shape(shape.begin() + 1, shape.end());
  const std::int64_t width = element_count(row_shape);
  Shape stride(row_shape.size(), 1);  // in runs
  for (std::size_t d = 1; d < stride.size(); ++d) stride[d] = stride[d - 1] * row_shape[d - 1];
  Shape index(stride.size());  // zeros, by which g++ 14 warns of nothing
  std::int64_t run = 0;
  for (std::int64_t e = 0; e < width; ++e) {
    const std::byte* values = from + (run * shape[0] + first) * std::int64_t{sizeof(T)};
    for (std::int64_t r = 0; r < count; ++r) {
      // The mapped file needn't be aligned.
      std::memcpy(out + r * width + e, values + r * std::int64_t{sizeof(T)}, sizeof(T));
    }
    for (std::size_t d = row_shape.size(); d-- > 0;) {
      run += stride[d];
      if (++index[d] < row_shape[d]) break;
      run -= stride[d] * row_shape[d];
      index[d] = 0;
    }
  }
}

}  // namespace

std::uint64_t array_bytes(const ArrayLayout& layout, const std::string& name) {
  std::uint64_t bytes = size_of(layout.type);
  bool empty = false;
  for (const std::int64_t dimension : layout.shape) {
    // Empty arrays are no excuse: their shapes are multiplied further down, too.
    if (dimension == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(dimension), &bytes) ||
               bytes > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      throw data_error("the shape {} is larger than any memory", to_string(layout.shape)).within_file(name);
    }
  }
  return empty ? 0 : bytes;
}

std::string describe(const ArrayLayout& layout) {
  return fmt::format("{} {}", name_of(layout.type), to_string(layout.shape));
}

ArrayInput::ArrayInput(std::unique_ptr<ByteInput> input, std::optional<std::uint64_t> size)
    : name_(input->name()), left_(size) {
  if (auto file = input->mapped()) {
    bytes_ = file->bytes();
    owner_ = std::move(file);
  } else {
    stream_ = std::move(input);
  }
}

ArrayInput::ArrayInput(std::span<const std::byte> bytes, std::shared_ptr<const void> owner, std::string name)
    : name_(std::move(name)), bytes_(bytes), owner_(std::move(owner)) {}

std::optional<std::uint64_t> ArrayInput::remaining() const {
  if (in_place()) return bytes_.size();
  return left_;
}

std::size_t ArrayInput::read_some_of(std::span<std::byte> out) {
  if (in_place()) {
    const std::size_t n = std::min(out.size(), bytes_.size());
    if (n > 0) std::memcpy(out.data(), view(n).data(), n);
    return n;
  }
  const std::size_t n = read_full(*stream_, out);
  if (left_) *left_ -= std::min<std::uint64_t>(*left_, n);
  return n;
}

std::span<const std::byte> ArrayInput::view(std::uint64_t size) {
  const auto out = bytes_.first(static_cast<std::size_t>(size));
  bytes_ = bytes_.subspan(out.size());
  return out;
}

Buffer ArrayInput::read_buffer(std::uint64_t size, std::uint64_t& got) {
  const bool promised = remaining() && *remaining() >= size;
  Buffer buffer(static_cast<std::size_t>(promised ? size : std::min(size, first_allocation)));
  got = 0;
  for (;;) {
    const std::uint64_t n = read_some_of(buffer.bytes().subspan(static_cast<std::size_t>(got)));
    got += n;
    if (got == size || got < buffer.size()) return buffer;
    Buffer larger(static_cast<std::size_t>(std::min<std::uint64_t>(size, got * 2)));
    std::memcpy(larger.data(), buffer.data(), static_cast<std::size_t>(got));
    buffer = std::move(larger);
  }
}

bool ArrayInput::at_end() {
  std::byte probe{};
  return read_some_of({&probe, 1}) == 0;
}

ArrayReader::ArrayReader(ArrayInput input, ArrayLayout layout)
    : input_(std::move(input)), layout_(std::move(layout)), bytes_(array_bytes(layout_, input_.name())) {
  if (layout_.shape.size() < 2) layout_.fortran = false;
  if (bytes_ > 0) {
    for (std::size_t d = 1; d < layout_.shape.size(); ++d) row_elements_ *= layout_.shape[d];
  }
  if (const auto present = input_.remaining()) {
    if (*present < bytes_) fail_cut_off(*present);
    if (*present > bytes_) {
      throw data_error("{} bytes follow the array of {}", *present - bytes_, describe(layout_))
          .within_file(name());
    }
  }
}

void ArrayReader::fail_cut_off(std::uint64_t present) const {
  throw data_error("cut off: {} needs {} bytes, there are {}", describe(layout_), bytes_, present)
      .within_file(name());
}

Field ArrayReader::field(std::string column) const {
  const Shape& shape = layout_.shape;
  if (shape.empty())
    throw data_error("a single value (a 0-dimensional array) has no rows").within_file(name());
  if (std::find(shape.begin() + 1, shape.end(), 0) != shape.end()) {
    throw data_error("the rows of {} are empty", describe(layout_)).within_file(name());
  }
  return {std::move(column), layout_.type, Shape(shape.begin() + 1, shape.end()), false, {}, {}};
}

std::int64_t ArrayReader::batch_rows() const {
  const std::int64_t row_bytes = row_elements_ * static_cast<std::int64_t>(size_of(layout_.type));
  return std::clamp<std::int64_t>(batch_bytes / row_bytes, 1, usual_batch_rows);
}

Column ArrayReader::next(std::int64_t count) {
  Column column = layout_.fortran ? next_in_fortran_order(count) : next_in_c_order(count);
  row_ += count;
  return column;
}

Buffer ArrayReader::read_exactly(std::uint64_t size) {
  std::uint64_t got = 0;
  Buffer buffer = input_.read_buffer(size, got);
  if (got < size) {
    const auto row_bytes = static_cast<std::uint64_t>(row_elements_) * size_of(layout_.type);
    fail_cut_off(static_cast<std::uint64_t>(row_) * row_bytes + got);
  }
  return buffer;
}

Column ArrayReader::next_in_c_order(std::int64_t count) {
  const std::size_t width = size_of(layout_.type);
  const std::uint64_t bytes = static_cast<std::uint64_t>(count * row_elements_) * width;
  if (input_.in_place() && as_in_memory(layout_)) {
    const auto view = input_.view(bytes);
    Column column;
    if (reinterpret_cast<std::uintptr_t>(view.data()) % width == 0) {
      column.data = view.data();
      column.owner = input_.owner();
      return column;
    }
    Buffer copy(view.size());
    std::memcpy(copy.data(), view.data(), view.size());
    return make_column(std::move(copy));
  }
  Buffer buffer = read_exactly(bytes);
  convert(layout_, buffer.bytes().first(static_cast<std::size_t>(bytes)));
  return make_column(std::move(buffer));
}

// The rows of a Fortran-order array lie scattered over all of it.
void ArrayReader::load_whole() {
  if (whole_data_ != nullptr) return;
  if (input_.in_place()) {
    whole_data_ = input_.view(bytes_).data();
  } else {
    whole_ = read_exactly(bytes_);
    whole_data_ = whole_.data();
  }
}

Column ArrayReader::next_in_fortran_order(std::int64_t count) {
  load_whole();
  const std::size_t width = size_of(layout_.type);
  Buffer out(static_cast<std::size_t>(count * row_elements_) * width);
  switch (width) {
    case 1: gather<std::uint8_t>(whole_data_, layout_.shape, row_, count, out.data()); break;
    case 2: gather<std::uint16_t>(whole_data_, layout_.shape, row_, count, out.data()); break;
    case 4: gather<std::uint32_t>(whole_data_, layout_.shape, row_, count, out.data()); break;
    default: gather<std::uint64_t>(whole_data_, layout_.shape, row_, count, out.data()); break;
  }
  convert(layout_, out.bytes());
  return make_column(std::move(out));
}

void ArrayReader::finish() {
  if (!input_.at_end())
    throw data_error("more bytes follow the array of {}", describe(layout_)).within_file(name());
}

Buffer ArrayReader::read_all() {
  Buffer all;
  if (bytes_ > 0 && layout_.fortran) {
    load_whole();
    Column rows_in_order = next_in_fortran_order(rows());
    all = Buffer(static_cast<std::size_t>(bytes_));
    std::memcpy(all.data(), rows_in_order.data, all.size());
  } else {
    all = read_exactly(bytes_);
    convert(layout_, all.bytes());
  }
  finish();
  return all;
}

}  // namespace nn::format
