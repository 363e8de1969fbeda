// The outside of a model file: header, description, blocks of floats, checksums.
// schemas/model.fbs lays it down. What the description says is none of its business.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace nn::model {

enum class ContainerKind : std::uint32_t { model = 1, checkpoint = 2 };

struct Container {
  ContainerKind kind = ContainerKind::model;
  std::span<const std::byte> bytes;        // the whole file, 64-byte aligned
  std::span<const std::byte> description;  // inside bytes, 64-byte aligned
  std::string digest;                      // as the header says, 32 hex digits
  std::shared_ptr<const void> owner;       // keeps bytes alive
};

// Maps the file (reads it where it is a pipe; "-" is stdin) and checks magic, version,
// lengths and checksum. Data errors, without the path.
Container open_container(const std::string& path);

// The same on bytes in memory, which must be 64-byte aligned and outlive the result.
Container parse_container(std::span<const std::byte> bytes);

// Reads everything and compares with the digest in the header.
void check_digest(const Container& container);

// The offset at which block i of floats begins, in a file whose description has that length.
std::vector<std::uint64_t> block_offsets(std::size_t description_size,
                                         std::span<const std::span<const float>> blocks);

// Writes a file, atomically; returns its digest.
std::string write_container(const std::string& path, ContainerKind kind,
                            std::span<const std::byte> description,
                            std::span<const std::span<const float>> blocks);

}  // namespace nn::model
