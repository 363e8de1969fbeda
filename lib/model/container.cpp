#include "model/container.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/checksum.hpp"
#include "base/error.hpp"

namespace nn::model {
namespace {

static_assert(std::endian::native == std::endian::little, "the numbers of a file are those of memory");

constexpr std::array<char, 8> magic = {'\x8A', 'N', 'N', 'M', 'O', 'D', 'E', 'L'};
constexpr std::uint32_t newest_version = 1;
// Far above any description, far below what FlatBuffers' 32-bit offsets can address.
constexpr std::uint64_t longest_description = std::uint64_t{1} << 30;

struct Header {
  std::array<char, 8> magic;
  std::uint32_t version;
  std::uint32_t kind;
  std::uint64_t description_size;
  std::uint64_t file_size;
  std::array<std::byte, 16> digest;
  std::uint64_t zero;
  std::uint64_t checksum;
};
static_assert(sizeof(Header) == container_header_bytes);

std::uint64_t checksum_of(const Header& header, std::span<const std::byte> description) {
  Checksum sum;
  sum.add(std::as_bytes(std::span(&header, 1)).first(offsetof(Header, checksum)));
  sum.add(description);
  return sum.value();
}

[[noreturn]] void fail_magic(std::span<const std::byte> bytes) {
  constexpr std::string_view zip = "PK\x03\x04";
  if (bytes.empty()) fail_data("the file is empty, not a model");
  if (bytes.size() >= zip.size() && std::memcmp(bytes.data(), zip.data(), zip.size()) == 0) {
    throw data_error("a zip archive, not a model").advise(" (nn-model convert makes a model of an .npz)");
  }
  fail_data("not a model file");
}

// A piece is read and then digested while the cache has it.
constexpr std::size_t piece_bytes = std::size_t{256} << 10;

// The length of a regular file that is read from its start. One that was read before is a stream from
// there on, as is a pipe.
std::optional<std::uint64_t> known_size(int fd, const std::string& name) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) fail_errno(name);
  if (!S_ISREG(status.st_mode) || ::lseek(fd, 0, SEEK_CUR) != 0) return std::nullopt;
  return static_cast<std::uint64_t>(status.st_size);
}

constexpr std::array<std::byte, alignment> zeros{};

std::span<const std::byte> padding_after(std::size_t size) {
  return std::span(zeros).first(align_up(size) - size);
}

}  // namespace

void ContainerCheck::add(std::span<const std::byte> bytes) {
  if (position_ < header_.size()) add_header(bytes);
  if (!described_ && position_ >= header_.size()) add_description(bytes);
  if (bytes.size() > container_.file_bytes - std::min(position_, container_.file_bytes)) {
    fail_data("corrupt: more than the {} bytes that it says it has", container_.file_bytes);
  }
  digest_.add(bytes);
  position_ += bytes.size();
}

// Takes what belongs to it off the front of `bytes`.
void ContainerCheck::add_header(std::span<const std::byte>& bytes) {
  const std::size_t n = std::min<std::size_t>(bytes.size(), header_.size() - position_);
  std::copy_n(bytes.begin(), n, header_.begin() + static_cast<std::ptrdiff_t>(position_));
  position_ += n;
  bytes = bytes.subspan(n);
  const std::size_t known = std::min<std::size_t>(position_, magic.size());
  if (std::memcmp(header_.data(), magic.data(), known) != 0) fail_magic(std::span(header_).first(position_));
  if (position_ == header_.size()) check_header();
}

void ContainerCheck::check_header() {
  const auto header = std::bit_cast<Header>(header_);
  if (header.version > newest_version) {
    fail(ErrorKind::unsupported,
         "made by a newer version of nn-tools (model format {}; this one reads up to {})", header.version,
         newest_version);
  }
  if (size_ && *size_ < header.file_size)
    fail_data("cut off: {} bytes, expected {}", *size_, header.file_size);
  if (size_ && *size_ > header.file_size)
    fail_data("corrupt: {} bytes, expected {}", *size_, header.file_size);
  if (header.file_size < sizeof header ||
      header.description_size >
          std::min<std::uint64_t>(header.file_size - sizeof header, longest_description)) {
    fail_data("corrupt: its description does not fit into the file");
  }
  description_size_ = header.description_size;
  // Of a pipe nobody knows how much will come: memory grows with what does.
  if (size_) container_.description.reserve(description_size_);
  container_.file_bytes = header.file_size;
  container_.kind = static_cast<ContainerKind>(header.kind);
  container_.digest = hex(header.digest);
}

void ContainerCheck::add_description(std::span<const std::byte>& bytes) {
  std::vector<std::byte>& description = container_.description;
  const std::size_t n = std::min<std::size_t>(bytes.size(), description_size_ - description.size());
  description.insert(description.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
  digest_.add(bytes.first(n));
  position_ += n;
  bytes = bytes.subspan(n);
  if (description.size() < description_size_) return;
  const auto header = std::bit_cast<Header>(header_);
  if (checksum_of(header, description) != header.checksum) {
    fail_data("corrupt: the checksum of its description is wrong");
  }
  const bool known_kind =
      container_.kind == ContainerKind::model || container_.kind == ContainerKind::checkpoint;
  if (!known_kind || header.version == 0 || header.zero != 0) fail_data("corrupt: its header makes no sense");
  described_ = true;
}

std::uint64_t ContainerCheck::wanted() const {
  if (position_ < header_.size()) return header_.size() - position_;
  if (!described_) return description_size_ - container_.description.size();
  return container_.file_bytes - position_;
}

void ContainerCheck::finish() {
  if (position_ == 0) fail_magic({});
  if (position_ < header_.size()) fail_data("cut off: {} bytes, not even a header", position_);
  if (position_ < container_.file_bytes) {
    fail_data("cut off: {} bytes, expected {}", position_, container_.file_bytes);
  }
  if (digest_.text() != container_.digest) fail_data("corrupt: the digest of its weights is wrong");
}

ContainerReader::ContainerReader(const std::string& path)
    : fd_(open_input(path)), name_(path == "-" ? "standard input" : path) {
  const auto size = known_size(fd_.get(), name_);
  size_is_known_ = size.has_value();
  check_ = ContainerCheck(size);
  read_description();
}

ContainerReader::ContainerReader(std::span<const std::byte> bytes)
    : bytes_(bytes), size_is_known_(true), check_(bytes.size()) {
  read_description();
}

void ContainerReader::read_description() {
  scratch_ = Buffer(piece_bytes);
  do {
    const std::size_t most =
        std::min<std::uint64_t>(std::max<std::uint64_t>(check_.wanted(), 1), piece_bytes);
    const std::size_t n = read_some_of(scratch_.bytes().first(most));
    if (n == 0) check_.finish();
    check_.add(scratch_.bytes().first(n));
  } while (!check_.described());
}

// 0 at the end.
std::size_t ContainerReader::read_some_of(std::span<std::byte> out) {
  if (fd_) return nn::read_some(fd_.get(), out, name_);
  const std::size_t n = std::min(out.size(), bytes_.size());
  std::copy_n(bytes_.begin(), n, out.begin());
  bytes_ = bytes_.subspan(n);
  return n;
}

void ContainerReader::read_exactly(std::span<std::byte> out) {
  while (!out.empty()) {
    const std::size_t n = read_some_of(out.first(std::min(out.size(), piece_bytes)));
    if (n == 0) check_.finish();  // throws: there is less than the header says
    check_.add(out.first(n));
    out = out.subspan(n);
  }
}

void ContainerReader::skip_to(std::uint64_t offset) {
  while (check_.position() < offset) {
    read_exactly(scratch_.bytes().first(std::min<std::uint64_t>(offset - check_.position(), piece_bytes)));
  }
}

void ContainerReader::read(std::uint64_t offset, std::span<float> out) {
  skip_to(offset);
  read_exactly(std::as_writable_bytes(out));
}

void ContainerReader::finish() {
  skip_to(container().file_bytes);
  if (const std::size_t n = read_some_of(scratch_.bytes().first(1)); n > 0)
    check_.add(scratch_.bytes().first(n));
  check_.finish();
}

std::vector<std::uint64_t> block_offsets(std::size_t description_size,
                                         std::span<const std::span<const float>> blocks) {
  std::vector<std::uint64_t> offsets;
  std::uint64_t at = align_up(sizeof(Header) + description_size);
  for (const auto& block : blocks) {
    offsets.push_back(at);
    at = align_up(at + block.size_bytes());
  }
  return offsets;
}

WrittenContainer write_container(const std::string& path, ContainerKind kind,
                                 std::span<const std::byte> description,
                                 std::span<const std::span<const float>> blocks) {
  if (description.size() > longest_description)
    throw data_error("the description of the model is too long").within_file(path);
  // Everything behind the header, in order.
  std::vector<std::span<const std::byte>> pieces{description};
  std::size_t size = sizeof(Header) + description.size();
  for (const auto& block : blocks) {
    pieces.push_back(padding_after(size));
    pieces.push_back(std::as_bytes(block));
    size = align_up(size) + block.size_bytes();
  }
  Digest digest;
  for (const auto& piece : pieces) digest.add(piece);

  Header header{};
  header.magic = magic;
  header.version = newest_version;
  header.kind = static_cast<std::uint32_t>(kind);
  header.description_size = description.size();
  header.file_size = size;
  header.digest = digest.value();
  header.checksum = checksum_of(header, description);

  OutputFile file(path);
  std::vector<struct iovec> vectors;
  const auto add = [&](std::span<const std::byte> piece) {
    vectors.push_back({const_cast<std::byte*>(piece.data()), piece.size()});
  };
  add(std::as_bytes(std::span(&header, 1)));
  for (const auto& piece : pieces) add(piece);
  write_all(file.fd(), vectors, file.name());
  return {digest.text(), file.commit()};
}

}  // namespace nn::model
