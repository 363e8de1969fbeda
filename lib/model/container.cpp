#include "model/container.hpp"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/memory.hpp"
#include "model/digest.hpp"

namespace nn::model {
namespace {

static_assert(std::endian::native == std::endian::little, "model files are used in place");

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
static_assert(sizeof(Header) == alignment);

std::uint64_t checksum_of(const Header& header, std::span<const std::byte> description) {
  struct Free {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  const std::unique_ptr<XXH3_state_t, Free> state(XXH3_createState());
  if (!state) throw std::bad_alloc();
  XXH3_64bits_reset(state.get());
  XXH3_64bits_update(state.get(), &header, offsetof(Header, checksum));
  XXH3_64bits_update(state.get(), description.data(), description.size());
  return XXH3_64bits_digest(state.get());
}

[[noreturn]] void fail_magic(std::span<const std::byte> bytes) {
  constexpr std::string_view zip = "PK\x03\x04";
  if (bytes.empty()) fail_data("the file is empty, not a model");
  if (bytes.size() >= zip.size() && std::memcmp(bytes.data(), zip.data(), zip.size()) == 0) {
    throw data_error("a zip archive, not a model").advise(" (nn-model convert makes a model of an .npz)");
  }
  fail_data("not a model file");
}

// Pipes cannot be mapped; a model that comes through one is read whole.
std::shared_ptr<Buffer> read_all(int fd, const std::string& name, std::size_t& size) {
  auto buffer = std::make_shared<Buffer>(std::size_t{1} << 20);
  size = 0;
  while (const std::size_t n = read_some(fd, buffer->bytes().subspan(size), name)) {
    size += n;
    if (size < buffer->size()) continue;
    Buffer larger(buffer->size() * 2);
    std::memcpy(larger.data(), buffer->data(), size);
    *buffer = std::move(larger);
  }
  return buffer;
}

constexpr std::array<std::byte, alignment> zeros{};

std::span<const std::byte> padding_after(std::size_t size) {
  return std::span(zeros).first(align_up(size) - size);
}

}  // namespace

Container parse_container(std::span<const std::byte> bytes) {
  const std::size_t known = std::min(bytes.size(), magic.size());
  if (known == 0 || std::memcmp(bytes.data(), magic.data(), known) != 0) fail_magic(bytes);
  if (bytes.size() < sizeof(Header)) fail_data("cut off: {} bytes, not even a header", bytes.size());
  Header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.version > newest_version) {
    fail(ErrorKind::unsupported,
         "made by a newer version of nn-tools (model format {}; this one reads up to {})", header.version,
         newest_version);
  }
  if (bytes.size() < header.file_size) {
    fail_data("cut off: {} bytes, expected {}", bytes.size(), header.file_size);
  }
  if (bytes.size() > header.file_size) {
    fail_data("corrupt: {} bytes, expected {}", bytes.size(), header.file_size);
  }
  if (header.description_size > std::min<std::uint64_t>(bytes.size() - sizeof header, longest_description)) {
    fail_data("corrupt: its description does not fit into the file");
  }
  Container container;
  container.bytes = bytes;
  container.description = bytes.subspan(sizeof header, header.description_size);
  if (checksum_of(header, container.description) != header.checksum) {
    fail_data("corrupt: the checksum of its description is wrong");
  }
  container.kind = static_cast<ContainerKind>(header.kind);
  const bool known_kind =
      container.kind == ContainerKind::model || container.kind == ContainerKind::checkpoint;
  if (!known_kind || header.version == 0 || header.zero != 0) fail_data("corrupt: its header makes no sense");
  container.digest = hex(header.digest);
  return container;
}

Container open_container(const std::string& path) {
  const UniqueFd fd = open_input(path);
  const std::string name = path == "-" ? "standard input" : path;
  if (const auto file = MappedFile::map(fd.get(), name)) {
    Container container = parse_container(file->bytes());
    container.owner = file;
    return container;
  }
  std::size_t size = 0;
  const auto buffer = read_all(fd.get(), name, size);
  Container container = parse_container(buffer->bytes().first(size));
  container.owner = buffer;
  return container;
}

void check_digest(const Container& container) {
  Digest digest;
  digest.add(container.bytes.subspan(sizeof(Header)));
  if (digest.text() != container.digest) fail_data("corrupt: the digest of its weights is wrong");
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

std::string write_container(const std::string& path, ContainerKind kind,
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
  file.commit();
  return digest.text();
}

}  // namespace nn::model
