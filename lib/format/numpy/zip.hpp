// Zip archives, as far as .npz files use them: members stored or deflated, zip64, no
// encryption, one disk. For the readers of this module only.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.hpp"
#include "format/bytes.hpp"

namespace nn::format {

struct ZipMember {
  std::string name;
  std::uint16_t method = 0;  // 0 stored, 8 deflated
  std::uint32_t crc = 0;
  std::uint64_t compressed = 0;
  std::uint64_t size = 0;
  std::uint64_t header = 0;  // where the local header lies
};

// The directory is verified as a whole when the archive is opened: members lie inside
// the file and don't overlap, names are unique, no size is more than deflate can reach.
// Data errors name the file, and the member where there is one.
class ZipArchive {
 public:
  explicit ZipArchive(std::shared_ptr<const MappedFile> file);
  const std::string& name() const { return file_->name(); }
  const std::vector<ZipMember>& members() const { return members_; }
  // Null where there is none. Logarithmic time.
  const ZipMember* find(std::string_view member) const;
  const std::shared_ptr<const MappedFile>& file() const { return file_; }

  // "FILE: member 'NAME'"
  std::string title(const ZipMember& member) const;
  // The bytes of a stored member, in place, their checksum verified.
  std::span<const std::byte> stored(const ZipMember& member) const;
  // A member's contents, inflated while they are read; the input shares the mapping. Size
  // and checksum are verified at the end.
  std::unique_ptr<ByteInput> open(const ZipMember& member) const;

 private:
  std::span<const std::byte> contents(const ZipMember& member) const;

  std::shared_ptr<const MappedFile> file_;
  std::vector<ZipMember> members_;
  std::vector<std::size_t> by_name_;
};

}  // namespace nn::format
