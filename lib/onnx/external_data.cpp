#include "onnx/external_data.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <vector>

#include "base/error.hpp"
#include "base/text.hpp"

namespace nn::onnx {
namespace {

// The parts of a relative path that leads nowhere but down.
std::vector<std::string> parts_of(const std::string& location) {
  const auto refuse = [&](const char* why) {
    fail_data("external data '{}': the name {}", printable(location, 4096), why);
  };
  if (location.empty()) refuse("is empty");
  if (location.find('\0') != std::string::npos) refuse("has a zero byte");
  if (location.front() == '/') refuse("is absolute; it must be relative to the model's folder");
  std::vector<std::string> parts;
  for (std::string& part : split(location, '/')) {
    if (part == "..") refuse("leads out of the model's folder");
    if (part.empty() || part == ".") continue;
    parts.push_back(std::move(part));
  }
  if (parts.empty() || location.back() == '/') refuse("is a folder's");
  return parts;
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

std::shared_ptr<const MappedFile> ExternalFiles::open(const std::string& location) {
  const std::vector<std::string> parts = parts_of(location);
  if (!folder_) folder_ = open_or_stop(folder_of(model_path_), O_RDONLY | O_DIRECTORY);
  const std::string name = fmt::format("external data '{}'", printable(location, 4096));
  UniqueFd below;
  int folder = folder_.get();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool last = i + 1 == parts.size();
    // Nothing is waited for: a FIFO is refused below.
    const int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | (last ? O_NONBLOCK | O_NOCTTY : O_DIRECTORY);
    UniqueFd next(::openat(folder, parts[i].c_str(), flags));
    if (!next) {
      const int number = errno;
      struct stat status {};
      if (::fstatat(folder, parts[i].c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode)) {
        fail_data("{}: '{}' is a symbolic link, which may lead out of the model's folder", name,
                  printable(parts[i]));
      }
      fail_errno(name, number);
    }
    below = std::move(next);
    folder = below.get();
  }
  std::shared_ptr<const MappedFile> file = MappedFile::map(below.get(), name);
  if (!file) fail_data("{} is not a regular file", name);
  return file;
}

ExternalFiles::Found ExternalFiles::find(const ExternalPlace& place, std::uint64_t size) {
  if (place.length && *place.length != size) {
    fail_data("external data '{}': the length is {} bytes, and the tensor's shape and type need {}",
              printable(place.location, 4096), *place.length, size);
  }
  auto found = files_.find(place.location);
  if (found == files_.end()) found = files_.emplace(place.location, open(place.location)).first;
  const std::span<const std::byte> all = found->second->bytes();
  if (place.offset > all.size() || size > all.size() - place.offset) {
    fail_data("external data '{}': the file has {} bytes, and {} from {} on are needed",
              printable(place.location, 4096), all.size(), size, place.offset);
  }
  return {found->second, all.subspan(static_cast<std::size_t>(place.offset), static_cast<std::size_t>(size))};
}

}  // namespace nn::onnx
