#include <zlib.h>

#include <limits>
#include <unordered_set>
#include <utility>

#include "base/error.hpp"
#include "base/text.hpp"
#include "format/numpy/npy.hpp"

namespace nn::format {
namespace {

constexpr std::uint64_t largest =
    std::numeric_limits<std::uint32_t>::max() - 1;  // the last value means zip64
constexpr std::uint16_t version_needed = 20;
constexpr std::uint16_t made_on_unix = 3 << 8 | version_needed;
constexpr std::uint32_t plain_file = 0100644u << 16;
constexpr std::uint16_t midnight = 0;
constexpr std::uint16_t first_of_1980 = 1 << 5 | 1;  // the earliest date that zip can say
constexpr std::uint16_t utf8_name = 1 << 11;
// Readers skip extra fields that they don't know; this one only takes up room.
constexpr std::uint16_t padding_id = 0xD935;
constexpr std::size_t local_size = 30;
constexpr std::size_t extra_header = 4;

class Record {
 public:
  Record& u16(std::uint64_t value) { return put(value, 2); }
  Record& u32(std::uint64_t value) { return put(value, 4); }
  Record& text(std::string_view value) {
    bytes_ += value;
    return *this;
  }
  Record& zeros(std::size_t n) {
    bytes_.append(n, '\0');
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  Record& put(std::uint64_t value, int n) {
    for (int i = 0; i < n; ++i) bytes_ += static_cast<char>(value >> 8 * i & 0xFF);
    return *this;
  }
  std::string bytes_;
};

}  // namespace

struct NpzWriter::State {
  OutputFile& file;
  std::uint64_t position = 0;
  std::uint64_t members = 0;
  Record directory;
  std::unordered_set<std::string> names;

  void write(std::string_view bytes) {
    file.write(bytes);
    position += bytes.size();
  }

  // `head` and `body` together are the member's contents.
  void add(const std::string& name, std::string_view head, std::span<const std::byte> body) {
    if (!names.insert(name).second) {
      throw make_error(ErrorKind::internal, "two members called '{}'", printable(name))
          .within_file(file.name());
    }
    const std::uint64_t size = head.size() + body.size();
    const std::uint64_t start = align_up(position + local_size + name.size() + extra_header);
    if (start + size > largest || members >= 0xFFFE) {
      throw make_error(ErrorKind::unsupported, "more than 4 GiB or 65,534 arrays don't fit in one .npz file")
          .within_file(file.name());
    }
    const std::uint64_t padding = start - position - local_size - name.size() - extra_header;
    auto crc = ::crc32_z(0, reinterpret_cast<const Bytef*>(head.data()), head.size());
    if (!body.empty()) crc = ::crc32_z(crc, reinterpret_cast<const Bytef*>(body.data()), body.size());

    const auto common = [&](Record& record) -> Record& {  // what both headers have
      return record.u16(version_needed)
          .u16(utf8_name)
          .u16(0)
          .u16(midnight)
          .u16(first_of_1980)
          .u32(crc)
          .u32(size)
          .u32(size)
          .u16(name.size());
    };
    common(directory.u32(0x02014B50).u16(made_on_unix))
        .u16(0)
        .u16(0)
        .u16(0)
        .u16(0)
        .u32(plain_file)
        .u32(position)
        .text(name);
    Record local;
    common(local.u32(0x04034B50)).u16(extra_header + padding).text(name);
    local.u16(padding_id).u16(padding).zeros(padding);
    write(local.bytes());
    write(head);
    file.write(body);
    position += body.size();
    ++members;
  }

  void finish() {
    const std::uint64_t size = directory.bytes().size();
    if (position + size > largest) {
      throw make_error(ErrorKind::unsupported, "more than 4 GiB don't fit in one .npz file")
          .within_file(file.name());
    }
    Record end;
    end.u32(0x06054B50).u16(0).u16(0).u16(members).u16(members).u32(size).u32(position).u16(0);
    write(directory.bytes());
    write(end.bytes());
  }
};

NpzWriter::NpzWriter(OutputFile& file) : state_(new State{file, 0, 0, {}, {}}) {}

NpzWriter::~NpzWriter() = default;

void NpzWriter::add(const std::string& name, DType type, const Shape& shape,
                    std::span<const std::byte> data) {
  if (data.size() != static_cast<std::size_t>(element_count(shape)) * size_of(type)) {
    throw make_error(ErrorKind::internal, "array '{}' and its shape don't fit", printable(name))
        .within_file(state_->file.name());
  }
  state_->add(name + ".npy", npy_header(type, shape), data);
}

void NpzWriter::add_text(const std::string& name, std::string_view text) { state_->add(name, text, {}); }

void NpzWriter::finish() { state_->finish(); }

}  // namespace nn::format
