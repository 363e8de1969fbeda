#include "backend/device.hpp"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>

#include "backend/cpu_quota.hpp"
#include "backend/cuda_plugin.hpp"
#include "base/error.hpp"
#include "base/text.hpp"

namespace nn::backend {
namespace {

constexpr int most_cores = 4096;

bool parse_small(std::string_view text, int& value) {
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  return result.ec == std::errc() && result.ptr == text.data() + text.size() && value >= 0 && value < 1 << 20;
}

std::string joined(const std::vector<int>& cores) { return fmt::format("{}", fmt::join(cores, ", ")); }

std::string cpu_model() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) return std::string(trim(line.substr(line.find(':') + 1)));
  }
  return "CPU";
}

}  // namespace

Device parse_device(std::string_view text) {
  Device device;
  const auto colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  const std::string_view which = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  if (kind == "cpu" && colon == std::string_view::npos) return device;
  if (kind == "cuda" && parse_small(which, device.index)) {
    device.kind = Device::Kind::cuda;
    return device;
  }
  if (kind == "cpu") {
    const auto dash = which.find('-');
    int first = 0, last = 0;
    bool good = parse_small(which.substr(0, dash), first);
    last = first;
    if (dash != std::string_view::npos) good = good && parse_small(which.substr(dash + 1), last);
    if (good && first <= last && last - first < most_cores) {
      for (int core = first; core <= last; ++core) device.cores.push_back(core);
      return device;
    }
  }
  // Elsewhere this is the first GPU, or any; here a device is one that others can be told from.
  if (text == "cuda") fail_usage("'cuda' is not a device; did you mean cuda:0?");
  fail_usage("'{}' is not a device; write cpu, cpu:0, cpu:0-3 or cuda:0", printable(text));
}

std::string to_string(const Device& device) {
  if (device.kind == Device::Kind::cuda) return fmt::format("cuda:{}", device.index);
  if (device.cores.empty()) return "cpu";
  if (device.cores.size() == 1) return fmt::format("cpu:{}", device.cores[0]);
  return fmt::format("cpu:{}-{}", device.cores.front(), device.cores.back());
}

std::vector<int> usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cores;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) fail_errno("the cores that this process may use");
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &set)) cores.push_back(core);
  }
  return cores;
}

const std::vector<int>& process_cores() {
  static const std::vector<int> cores = usable_cores();
  return cores;
}

std::size_t cores_at_once() {
  static const std::optional<double> quota = cpu_quota();
  const std::size_t cores = process_cores().size();
  if (!quota || *quota >= static_cast<double>(cores)) return cores;
  return static_cast<std::size_t>(std::max(std::ceil(*quota), 1.0));
}

void check_device(const Device& device) {
  if (device.kind == Device::Kind::cuda) return check_cuda_device(device);
  if (device.cores.empty()) return;
  const auto& cores = process_cores();  // this thread may be pinned to a part of the device
  for (const int core : device.cores) {
    if (std::find(cores.begin(), cores.end(), core) == cores.end()) {
      throw data_error("there is no core {} here; this process may use cores {}", core, joined(cores))
          .within(to_string(device));
    }
  }
}

int thread_count(const Device& device) {
  return static_cast<int>(device.cores.empty() ? std::min(usable_cores().size(), cores_at_once())
                                               : device.cores.size());
}

void pin_thread(const Device& device) {
  process_cores();
  if (device.cores.empty()) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int core : device.cores) CPU_SET(core, &set);
  if (::sched_setaffinity(0, sizeof set, &set) != 0) fail_errno(to_string(device));
}

void unpin_thread() {
  Device all;
  all.cores = process_cores();
  pin_thread(all);
}

std::vector<DeviceInfo> list_devices(std::string* why_no_cuda) {
  std::vector<DeviceInfo> devices;
  const std::string model = cpu_model();
  for (const int core : usable_cores()) devices.push_back({fmt::format("cpu:{}", core), model});
  const CudaDevices cuda = find_cuda_devices();
  for (std::size_t i = 0; i < cuda.devices.size(); ++i)
    devices.push_back({fmt::format("cuda:{}", i), describe(cuda.devices[i])});
  if (why_no_cuda != nullptr) *why_no_cuda = cuda.reason;
  return devices;
}

}  // namespace nn::backend
