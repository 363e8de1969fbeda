#include "backend/cpu_quota.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/text.hpp"

namespace nn::backend {
namespace {

constexpr std::size_t longest_file = 64 << 10;
constexpr int deepest = 100;  // groups within groups

std::string text_of(const std::string& path) {
  try {
    return read_text(path, longest_file);
  } catch (const Error&) {
    return {};
  }
}

std::optional<std::uint64_t> parse_positive(std::string_view text) {
  std::uint64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size() || value == 0) return std::nullopt;
  return value;
}

// Both in microseconds; "max" or -1 is no quota.
std::optional<double> ratio(std::string_view quota, std::string_view period) {
  const auto of = parse_positive(trim(quota)), in = parse_positive(trim(period));
  if (!of || !in) return std::nullopt;
  return static_cast<double>(*of) / static_cast<double>(*in);
}

std::optional<double> quota_v2(const std::string& folder) {
  const std::string line = split_lines(text_of(folder + "/cpu.max"))[0];
  const auto space = line.find(' ');
  if (space == std::string::npos) return std::nullopt;
  return ratio(std::string_view(line).substr(0, space), std::string_view(line).substr(space + 1));
}

std::optional<double> quota_v1(const std::string& folder) {
  return ratio(split_lines(text_of(folder + "/cpu.cfs_quota_us"))[0],
               split_lines(text_of(folder + "/cpu.cfs_period_us"))[0]);
}

// Of the group at `path` below `mount`, and of all groups around it. What a container sees of the path may be
// its host's: then only the groups that are there count, the container's own at `mount` among them.
template <typename Quota>
std::optional<double> smallest(const std::string& mount, std::string path, Quota quota_of) {
  if (path == "/" || path.find("/..") != std::string::npos) path.clear();
  std::optional<double> least;
  for (int depth = 0; depth < deepest; ++depth) {
    if (const auto quota = quota_of(mount + path)) least = std::min(*quota, least.value_or(*quota));
    if (path.empty()) break;
    path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
  return least;
}

}  // namespace

std::optional<double> cpu_quota(const std::string& root) {
  const std::string mounts = root + "/sys/fs/cgroup";
  std::optional<double> least;
  const auto take = [&](std::optional<double> quota) {
    if (quota) least = std::min(*quota, least.value_or(*quota));
  };
  // "0::/path" is the group of version 2, "4:cpu,cpuacct:/path" one of version 1.
  for (const std::string& line : split_lines(text_of(root + "/proc/self/cgroup"))) {
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1),
                      path = line.substr(second + 1);
    if (controllers.empty()) {
      take(smallest(mounts, path, quota_v2));
      continue;
    }
    const std::vector<std::string> names = split(controllers, ',');
    if (std::find(names.begin(), names.end(), "cpu") == names.end()) continue;
    take(smallest(fmt::format("{}/{}", mounts, controllers), path, quota_v1));
    if (controllers != "cpu") take(smallest(mounts + "/cpu", path, quota_v1));
  }
  return least;
}

}  // namespace nn::backend
