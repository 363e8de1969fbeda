// Names of devices: cpu, cpu:0, cpu:0-3, cuda:0.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nn::backend {

struct Device {
  enum class Kind { cpu, cuda };
  Kind kind = Kind::cpu;
  std::vector<int> cores;  // cpu: pinned to these; empty: all that this process may use
  int index = 0;           // cuda
};

Device parse_device(std::string_view text);  // usage error; does not look at the machine
std::string to_string(const Device& device);

// Cores that this process may run on (its affinity mask), ascending.
std::vector<int> usable_cores();

// The same before any thread was pinned.
const std::vector<int>& process_cores();

// Throws (an error naming the device and what there is) when a core or a GPU is not usable.
// Loads no CUDA library.
void check_device(const Device& device);

// Number of threads that the device stands for.
int thread_count(const Device& device);

// Pins the calling thread, and threads it starts later, to the device's cores.
void pin_thread(const Device& device);
// Lets the calling thread run on all cores of the process again.
void unpin_thread();

// One device that can be used here.
struct DeviceInfo {
  std::string name;         // "cpu:0"
  std::string description;  // "AMD EPYC, AVX2"
};
// `why_no_cuda` (may be null) gets the reason if no GPU is among them, "" otherwise.
std::vector<DeviceInfo> list_devices(std::string* why_no_cuda = nullptr);

}  // namespace nn::backend
