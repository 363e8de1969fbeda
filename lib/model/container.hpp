// The outside of a model file: header, description, blocks of floats, checksums.
// schemas/model.fbs lays it down. What the description says is none of its business.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/memory.hpp"
#include "model/digest.hpp"

namespace nn::model {

enum class ContainerKind : std::uint32_t { model = 1, checkpoint = 2 };

inline constexpr std::size_t container_header_bytes = 64;  // the description is behind it

struct Container {
  ContainerKind kind = ContainerKind::model;
  std::uint64_t file_bytes = 0;        // of the whole file, as the header says
  std::vector<std::byte> description;  // its checksum is right
  std::string digest;                  // as the header says, 32 hex digits
};

// Checks the bytes of a model file as they come, in pieces of any size, without keeping the blocks.
// Order of calls: add()*, finish(). One thread. Data errors, without a path.
class ContainerCheck {
 public:
  // `size`: how many bytes there are, where that is known before they come.
  explicit ContainerCheck(std::optional<std::uint64_t> size = {}) : size_(size) {}
  // The next bytes. Throws as soon as it is certain that they are no model file.
  void add(std::span<const std::byte> bytes);
  // How many bytes are wanted next: at least one before description() is there, then what is left.
  std::uint64_t wanted() const;
  std::uint64_t position() const { return position_; }
  bool described() const { return described_; }
  // REQUIRES: described().
  const Container& container() const { return container_; }
  // There are no more bytes: throws where some are missing, or where the digest is not theirs.
  void finish();

 private:
  void add_header(std::span<const std::byte>& bytes);
  void add_description(std::span<const std::byte>& bytes);
  void check_header();

  std::optional<std::uint64_t> size_;
  std::array<std::byte, container_header_bytes> header_{};
  std::uint64_t position_ = 0, description_size_ = 0;
  bool described_ = false;
  Container container_;
  Digest digest_;
};

// Reads a model file, each block straight to where it belongs, and computes the digest on the way: what was
// read is verified, whatever happens to the file meanwhile or later.
// Order of calls: read()*, finish(). One thread. Data errors, without the path.
class ContainerReader {
 public:
  // Opens the file ("-" is stdin; pipes are read as well) and reads and checks header and description.
  explicit ContainerReader(const std::string& path);
  // The same with the bytes of a file, which are borrowed.
  explicit ContainerReader(std::span<const std::byte> bytes);

  const Container& container() const { return check_.container(); }
  // Whether the file is as long as its header says, which isn't known of pipes before their end.
  bool size_is_known() const { return size_is_known_; }
  // Floats from that offset on. REQUIRES: offsets ascend, and the floats lie within container().file_bytes.
  void read(std::uint64_t offset, std::span<float> out);
  // Reads what is left, and checks the digest.
  void finish();

 private:
  void read_description();
  std::size_t read_some_of(std::span<std::byte> out);
  void read_exactly(std::span<std::byte> out);
  void skip_to(std::uint64_t offset);

  UniqueFd fd_;
  std::string name_;
  std::span<const std::byte> bytes_;  // instead of fd_
  bool size_is_known_;
  ContainerCheck check_;
  Buffer scratch_;
};

// The offset at which block i of floats begins, in a file whose description has that length.
std::vector<std::uint64_t> block_offsets(std::size_t description_size,
                                         std::span<const std::span<const float>> blocks);

struct WrittenContainer {
  std::string digest;
  std::optional<FileStamp> stamp;  // of the file, where it is a new one
};
// Writes a file, atomically.
WrittenContainer write_container(const std::string& path, ContainerKind kind,
                                 std::span<const std::byte> description,
                                 std::span<const std::span<const float>> blocks);

}  // namespace nn::model
