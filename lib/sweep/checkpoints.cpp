#include "sweep/checkpoints.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <array>

#include "base/checksum.hpp"
#include "base/error.hpp"
#include "base/file.hpp"

namespace nn::sweep {
namespace {

constexpr std::uint64_t summed_bytes = 64 << 20;

std::string checksum_of_file(int fd, const std::string& path) {
  Checksum sum;
  std::array<std::byte, 64 << 10> buffer;
  while (const std::size_t n = read_some(fd, buffer, path)) sum.add({buffer.data(), n});
  return fmt::format("{:016x}", sum.value());
}

void copy(const std::string& from, const std::string& to) {
  const UniqueFd in = open_input(from);
  OutputFile out(to);
  if (::ioctl(out.fd(), FICLONE, in.get()) != 0) {
    std::array<std::byte, 64 << 10> buffer;
    while (const std::size_t n = read_some(in.get(), buffer, from)) out.write(std::span(buffer).first(n));
  }
  out.commit();
}

}  // namespace

std::optional<study::Checkpoint> record_of(const std::string& path) {
  // Network file systems look at what another host did when a file is opened, not when its name is looked up.
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0)
    return std::nullopt;
  const FileStamp stamp = stamp_of(status);
  study::Checkpoint record;
  record.path = path;
  record.bytes = stamp.size;
  record.modified_ns = stamp.modified_ns;
  if (stamp.size <= summed_bytes) record.xxh3 = checksum_of_file(file.get(), path);
  return record;
}

bool is_at_hand(const study::Checkpoint& record) {
  const UniqueFd file(::open(record.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) return false;
  const FileStamp stamp = stamp_of(status);
  return stamp.size == record.bytes && stamp.modified_ns == record.modified_ns;
}

void bring(const study::Checkpoint& from, const std::string& path) {
  const auto is = record_of(from.path);
  if (!is) fail_data("{}: the checkpoint isn't there any more", from.path);
  const bool is_same_sum = is->xxh3.empty() || from.xxh3.empty() || is->xxh3 == from.xxh3;
  if (is->bytes != from.bytes || is->modified_ns != from.modified_ns || !is_same_sum)
    fail_data("{}: the checkpoint was changed since it was recorded", from.path);
  if (from.path != path) copy(from.path, path);
}

}  // namespace nn::sweep
