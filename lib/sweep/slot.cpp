#include "sweep/slot.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>

#include "backend/device.hpp"
#include "base/error.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"

namespace nn::sweep {
namespace {

constexpr std::int64_t most_shares = 1024;

// Variables that libraries of numerics take the number of their threads from.
constexpr std::string_view thread_variables[] = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
                                                 "MKL_NUM_THREADS"};

}  // namespace

std::string Slot::name() const {
  return fmt::format("{}{}{}{}", host, host.empty() ? "" : "/", device,
                     share > 0 ? fmt::format("#{}", share) : "");
}

std::vector<Slot> parse_slots(std::string_view text, std::string_view host) {
  const auto star = text.find('*');
  const backend::Device device = backend::parse_device(text.substr(0, star));
  const std::int64_t shares =
      star == std::string_view::npos ? 1 : parse_count(text, text.substr(star + 1), 1, most_shares);
  std::vector<Slot> slots;
  slots.reserve(static_cast<std::size_t>(shares));
  for (int share = 0; share < shares; ++share) slots.push_back({std::string(host), to_string(device), share});
  return slots;
}

void check_is_here(const Slot& slot) {
  const backend::Device device = backend::parse_device(slot.device);
  if (device.kind != backend::Device::Kind::cpu) return;
  try {
    backend::check_device(device);
  } catch (const Error& error) {
    throw error.as(ErrorKind::usage);
  }
}

std::vector<std::string> default_devices() {
  std::vector<std::string> devices;
  const char* visible = ::getenv("CUDA_VISIBLE_DEVICES");
  const bool are_slurms = ::getenv("SLURM_STEP_GPUS") != nullptr || ::getenv("SLURM_JOB_GPUS") != nullptr;
  if (visible != nullptr && are_slurms) {
    // Trials may use them with a program that needs no plugin of ours.
    const std::size_t gpus = split(visible, ',').size();
    for (std::size_t i = 0; *visible != 0 && i < gpus; ++i) devices.push_back(fmt::format("cuda:{}", i));
  } else {
    for (const backend::DeviceInfo& device : backend::list_devices()) {
      if (device.name.starts_with("cuda:")) devices.push_back(device.name);
    }
  }
  if (!devices.empty()) return devices;
  std::size_t most = SIZE_MAX;
  // Where Slurm doesn't bind jobs to the cores that they have, it says only how many these are.
  if (const char* cpus = ::getenv("SLURM_CPUS_ON_NODE"))
    most = static_cast<std::size_t>(parse_count("SLURM_CPUS_ON_NODE", cpus, 1, INT32_MAX));
  for (const int core : backend::usable_cores()) {
    if (devices.size() < most) devices.push_back(fmt::format("cpu:{}", core));
  }
  return devices;
}

SlotSetup set_up(const Slot& slot, const char* visible, bool mask) {
  const backend::Device device = backend::parse_device(slot.device);
  SlotSetup setup{slot.device, {}, device.cores};
  if (device.kind == backend::Device::Kind::cpu) {
    if (device.cores.empty()) return setup;
    for (const std::string_view variable : thread_variables) {
      setup.environment.push_back(fmt::format("{}={}", variable, device.cores.size()));
    }
    return setup;
  }
  if (!mask) return setup;
  std::string chosen = std::to_string(device.index);
  if (visible != nullptr) {
    const std::vector<std::string> gpus = split(visible, ',');
    const auto index = static_cast<std::size_t>(device.index);
    if (index >= gpus.size() || gpus[index].empty()) {
      fail_usage("{}: CUDA_VISIBLE_DEVICES={} has no such GPU", slot.name(), printable(visible));
    }
    chosen = gpus[index];
  }
  setup.device = "cuda:0";
  setup.environment = {"CUDA_VISIBLE_DEVICES=" + chosen, "CUDA_DEVICE_ORDER=PCI_BUS_ID"};
  return setup;
}

}  // namespace nn::sweep
