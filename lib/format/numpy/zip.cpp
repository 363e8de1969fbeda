#include "format/numpy/zip.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "base/text.hpp"

// APPNOTE.TXT, "ZIP File Format Specification": 4.3.7 local header, 4.3.12 central
// directory, 4.3.14-4.3.16 ends of it, 4.5.3 zip64 extra field.
namespace nn::format {
namespace {

constexpr std::uint32_t local_signature = 0x04034B50;
constexpr std::uint32_t central_signature = 0x02014B50;
constexpr std::uint32_t end_signature = 0x06054B50;
constexpr std::uint32_t zip64_end_signature = 0x06064B50;
constexpr std::uint32_t zip64_locator_signature = 0x07064B50;
constexpr std::size_t local_size = 30;
constexpr std::size_t end_size = 22;
constexpr std::size_t zip64_end_size = 56;
constexpr std::size_t zip64_locator_size = 20;
constexpr std::uint64_t best_deflate_ratio = 1032;  // zlib's technical details

class Cursor {
 public:
  Cursor(std::span<const std::byte> bytes, const std::string& name) : bytes_(bytes), name_(name) {}
  template <typename T>
  T get() {
    const auto part = take(sizeof(T));
    std::uint64_t value = 0;
    for (std::size_t i = sizeof(T); i-- > 0;) value = value << 8 | std::to_integer<std::uint64_t>(part[i]);
    return static_cast<T>(value);
  }
  std::span<const std::byte> take(std::size_t n) {
    if (n > bytes_.size()) throw data_error("cut off inside the zip directory").within_file(name_);
    const auto part = bytes_.first(n);
    bytes_ = bytes_.subspan(n);
    return part;
  }
  bool empty() const { return bytes_.empty(); }

 private:
  std::span<const std::byte> bytes_;
  const std::string& name_;
};

struct Directory {
  std::uint64_t members = 0;
  std::uint64_t size = 0;
  std::uint64_t offset = 0;
  std::uint64_t behind = 0;  // where what follows it begins
};

std::span<const std::byte> part_of(std::span<const std::byte> file, std::uint64_t offset, std::uint64_t size,
                                   const std::string& name) {
  if (offset > file.size() || size > file.size() - offset) {
    throw data_error("cut off: the zip directory points behind the end of the file").within_file(name);
  }
  return file.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(size));
}

// The end record stands last, with a comment of up to 65,535 bytes behind it.
std::size_t find_end(std::span<const std::byte> file, const std::string& name) {
  if (file.size() >= end_size) {
    const std::size_t last = file.size() - end_size;
    for (std::size_t back = 0; back <= std::min<std::size_t>(last, 0xFFFF); ++back) {
      Cursor at(file.subspan(last - back), name);
      if (at.get<std::uint32_t>() != end_signature) continue;
      at.take(16);
      if (at.get<std::uint16_t>() == back) return last - back;
    }
  }
  throw data_error("not a zip archive, or cut off (no end of the directory)").within_file(name);
}

Directory find_directory(std::span<const std::byte> file, const std::string& name) {
  const std::size_t end = find_end(file, name);
  Cursor at(file.subspan(end + 4), name);
  const auto disk = at.get<std::uint16_t>();
  const auto directory_disk = at.get<std::uint16_t>();
  at.get<std::uint16_t>();
  Directory out;
  out.members = at.get<std::uint16_t>();
  out.size = at.get<std::uint32_t>();
  out.offset = at.get<std::uint32_t>();
  out.behind = end;
  const bool zip64 = out.members == 0xFFFF || out.size == 0xFFFFFFFF || out.offset == 0xFFFFFFFF;
  if (zip64 && end >= zip64_locator_size) {
    Cursor locator(file.subspan(end - zip64_locator_size), name);
    if (locator.get<std::uint32_t>() == zip64_locator_signature) {
      locator.get<std::uint32_t>();
      out.behind = locator.get<std::uint64_t>();
      Cursor record(part_of(file, out.behind, zip64_end_size, name), name);
      if (record.get<std::uint32_t>() != zip64_end_signature)
        throw data_error("damaged zip64 directory").within_file(name);
      record.take(28);
      out.members = record.get<std::uint64_t>();
      out.size = record.get<std::uint64_t>();
      out.offset = record.get<std::uint64_t>();
    }
  }
  if (disk != 0 || directory_disk != 0) {
    throw make_error(ErrorKind::unsupported, "one part of a zip archive in several parts").within_file(name);
  }
  return out;
}

// Sizes and offset that don't fit 32 bits stand in the extra field, in this order.
void read_zip64(Cursor extra, ZipMember& member, const std::string& name) {
  while (!extra.empty()) {
    const auto id = extra.get<std::uint16_t>();
    Cursor data(extra.take(extra.get<std::uint16_t>()), name);
    if (id != 1) continue;
    for (std::uint64_t* value : {&member.size, &member.compressed, &member.header}) {
      if (*value == 0xFFFFFFFF) *value = data.get<std::uint64_t>();
    }
    return;
  }
}

ZipMember read_entry(Cursor& at, const std::string& name) {
  if (at.get<std::uint32_t>() != central_signature)
    throw data_error("damaged zip directory").within_file(name);
  ZipMember member;
  at.take(4);
  const auto flags = at.get<std::uint16_t>();
  member.method = at.get<std::uint16_t>();
  at.take(4);
  member.crc = at.get<std::uint32_t>();
  member.compressed = at.get<std::uint32_t>();
  member.size = at.get<std::uint32_t>();
  const auto name_size = at.get<std::uint16_t>();
  const auto extra_size = at.get<std::uint16_t>();
  const auto comment_size = at.get<std::uint16_t>();
  at.take(8);
  member.header = at.get<std::uint32_t>();
  const auto text = at.take(name_size);
  member.name.assign(reinterpret_cast<const char*>(text.data()), text.size());
  read_zip64(Cursor(at.take(extra_size), name), member, name);
  at.take(comment_size);

  const std::string title = fmt::format("{}: member '{}'", name, printable(member.name));
  if ((flags & 1) != 0) fail(ErrorKind::unsupported, "{} is encrypted", title);
  if (member.method != 0 && member.method != 8) {
    fail(ErrorKind::unsupported, "{} is compressed by method {}; only deflate is known", title,
         member.method);
  }
  if (member.method == 0 && member.compressed != member.size) {
    fail_data("{} is stored, but its two sizes differ", title);
  }
  if (member.size / best_deflate_ratio > member.compressed) {
    fail_data("{} claims to inflate {} bytes to {}, more than deflate can", title, member.compressed,
              member.size);
  }
  return member;
}

// Members that share bytes are how a small archive unpacks to a huge one.
void check_places(std::vector<ZipMember> members, std::uint64_t directory, const std::string& name) {
  std::sort(members.begin(), members.end(),
            [](const ZipMember& a, const ZipMember& b) { return a.header < b.header; });
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < members.size(); ++i) {
    const ZipMember& member = members[i];
    const std::uint64_t end = i + 1 < members.size() ? members[i + 1].header : directory;
    if (member.header > end || end - member.header < local_size ||
        end - member.header - local_size < member.compressed) {
      throw data_error("member '{}' overlaps what follows it", printable(member.name)).within_file(name);
    }
    if (!names.insert(member.name).second)
      throw data_error("member '{}' stands twice", printable(member.name)).within_file(name);
  }
}

std::uint32_t crc_of(std::uint32_t crc, std::span<const std::byte> bytes) {
  return static_cast<std::uint32_t>(
      ::crc32_z(crc, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

class InflatingInput : public ByteInput {
 public:
  InflatingInput(std::string name, const ZipMember& member, std::span<const std::byte> from,
                 std::shared_ptr<const MappedFile> file)
      : ByteInput(std::move(name)),
        left_(member.size),
        expected_crc_(member.crc),
        from_(from),
        file_(std::move(file)) {
    if (::inflateInit2(&zlib_, -MAX_WBITS) != Z_OK) fail(ErrorKind::internal, "zlib does not start");
  }
  InflatingInput(const InflatingInput&) = delete;
  ~InflatingInput() override { ::inflateEnd(&zlib_); }

  std::size_t read(std::span<std::byte> out) override {
    if (ended_ || out.empty()) return 0;
    constexpr std::size_t most = std::numeric_limits<uInt>::max();
    out = out.first(std::min(out.size(), most));
    zlib_.next_out = reinterpret_cast<Bytef*>(out.data());
    zlib_.avail_out = static_cast<uInt>(out.size());
    while (zlib_.avail_out == out.size() && !ended_) {
      if (zlib_.avail_in == 0) {
        const auto piece = from_.first(std::min(from_.size(), most));
        from_ = from_.subspan(piece.size());
        zlib_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(piece.data()));
        zlib_.avail_in = static_cast<uInt>(piece.size());
      }
      const int status = ::inflate(&zlib_, Z_NO_FLUSH);
      if (status == Z_MEM_ERROR) throw std::bad_alloc();
      if (status != Z_OK && status != Z_STREAM_END)
        throw data_error("damaged: {}", reason()).within_file(name());
      ended_ = status == Z_STREAM_END;
    }
    const std::size_t n = out.size() - zlib_.avail_out;
    if (n > left_) throw data_error("inflates to more than its size in the directory").within_file(name());
    left_ -= n;
    crc_ = crc_of(crc_, out.first(n));
    if (ended_) {
      if (left_ > 0) throw data_error("inflates to less than its size in the directory").within_file(name());
      if (crc_ != expected_crc_) throw data_error("damaged: its checksum differs").within_file(name());
    }
    return n;
  }

 private:
  std::string_view reason() const {
    if (zlib_.msg != nullptr) return zlib_.msg;
    return zlib_.avail_in == 0 && from_.empty() ? "the deflated data end early" : "not deflated data";
  }

  z_stream zlib_{};
  std::uint64_t left_;
  std::uint32_t expected_crc_;
  std::uint32_t crc_ = 0;
  std::span<const std::byte> from_;
  std::shared_ptr<const MappedFile> file_;
  bool ended_ = false;
};

class StoredInput : public ByteInput {
 public:
  StoredInput(std::string name, std::span<const std::byte> from, std::shared_ptr<const MappedFile> file)
      : ByteInput(std::move(name)), from_(from), file_(std::move(file)) {}
  std::size_t read(std::span<std::byte> out) override {
    const std::size_t n = std::min(out.size(), from_.size());
    if (n > 0) std::memcpy(out.data(), from_.data(), n);
    from_ = from_.subspan(n);
    return n;
  }

 private:
  std::span<const std::byte> from_;
  std::shared_ptr<const MappedFile> file_;
};

}  // namespace

ZipArchive::ZipArchive(std::shared_ptr<const MappedFile> file) : file_(std::move(file)) {
  const Directory directory = find_directory(file_->bytes(), name());
  Cursor at(part_of(file_->bytes(), directory.offset, directory.size, name()), name());
  // The count is not trusted to reserve memory: entries must be there.
  for (std::uint64_t i = 0; i < directory.members; ++i) members_.push_back(read_entry(at, name()));
  if (!at.empty()) throw data_error("the zip directory is longer than its members").within_file(name());
  // Archives that were joined have the last one's directory, whose places are meant in that one.
  if (directory.behind != directory.offset + directory.size) {
    throw data_error(
        "the directory isn't where the archive says: bytes stand in front of the archive, or "
        "several were joined")
        .within_file(name());
  }
  check_places(members_, directory.offset, name());
  by_name_.resize(members_.size());
  std::iota(by_name_.begin(), by_name_.end(), std::size_t{0});
  std::sort(by_name_.begin(), by_name_.end(),
            [this](std::size_t a, std::size_t b) { return members_[a].name < members_[b].name; });
}

const ZipMember* ZipArchive::find(std::string_view member) const {
  const auto at =
      std::lower_bound(by_name_.begin(), by_name_.end(), member,
                       [this](std::size_t i, std::string_view text) { return members_[i].name < text; });
  return at != by_name_.end() && members_[*at].name == member ? &members_[*at] : nullptr;
}

std::string ZipArchive::title(const ZipMember& member) const {
  return fmt::format("{}: member '{}'", name(), printable(member.name));
}

std::span<const std::byte> ZipArchive::contents(const ZipMember& member) const {
  const auto file = file_->bytes();
  Cursor at(part_of(file, member.header, local_size, name()), name());
  if (at.get<std::uint32_t>() != local_signature)
    throw data_error("no header where the directory says").within_file(title(member));
  at.take(2);
  const auto flags = at.get<std::uint16_t>();
  if (at.get<std::uint16_t>() != member.method || (flags & 1) != 0) {
    throw data_error("header and directory disagree").within_file(title(member));
  }
  at.take(16);
  const auto name_size = at.get<std::uint16_t>();
  const auto extra_size = at.get<std::uint16_t>();
  const std::uint64_t start = member.header + local_size + name_size + extra_size;
  const auto local_name = part_of(file, member.header + local_size, name_size, name());
  if (std::string_view(reinterpret_cast<const char*>(local_name.data()), local_name.size()) != member.name) {
    throw data_error("header and directory disagree about the name").within_file(title(member));
  }
  return part_of(file, start, member.compressed, name());
}

std::span<const std::byte> ZipArchive::stored(const ZipMember& member) const {
  const auto bytes = contents(member);
  if (crc_of(0, bytes) != member.crc)
    throw data_error("damaged: its checksum differs").within_file(title(member));
  return bytes;
}

std::unique_ptr<ByteInput> ZipArchive::open(const ZipMember& member) const {
  if (member.method == 0) return std::make_unique<StoredInput>(title(member), stored(member), file_);
  return std::make_unique<InflatingInput>(title(member), member, contents(member), file_);
}

}  // namespace nn::format
