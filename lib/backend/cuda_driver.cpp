#include "backend/cuda_driver.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>

namespace nn {
namespace {

// Of the driver's interface, as CUDA's documentation has it ("CUDA driver API", sections 6.2
// to 6.5): results are 0 or the number of an error.
constexpr int capability_major = 75, capability_minor = 76;
constexpr int no_device = 100;

class Driver {
 public:
  Driver() : library_(::dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL)) {}
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;
  ~Driver() {
    if (library_ != nullptr) ::dlclose(library_);
  }
  bool there() const { return library_ != nullptr; }

  // The answer to a call; -1 where the driver doesn't know it.
  template <typename... Arguments>
  int call(const char* name, Arguments... arguments) const {
    using Function = int (*)(Arguments...);
    const auto function = reinterpret_cast<Function>(::dlsym(library_, name));
    return function != nullptr ? function(arguments...) : -1;
  }

 private:
  void* library_;
};

CudaDevice device_of(const Driver& driver, int index) {
  CudaDevice device;
  int handle = 0;
  if (driver.call("cuDeviceGet", &handle, index) != 0) return device;
  std::array<char, 256> name{};
  if (driver.call("cuDeviceGetName", name.data(), static_cast<int>(name.size() - 1), handle) == 0)
    device.name = name.data();
  driver.call("cuDeviceTotalMem_v2", &device.memory, handle);
  driver.call("cuDeviceGetAttribute", &device.major, capability_major, handle);
  driver.call("cuDeviceGetAttribute", &device.minor, capability_minor, handle);
  return device;
}

}  // namespace

std::string describe(const CudaDevice& device) {
  return fmt::format("{}, {:.0f} GiB, compute capability {}.{}", device.name,
                     static_cast<double>(device.memory) / (1 << 30), device.major, device.minor);
}

CudaDevices ask_cuda_driver() {
  const Driver driver;
  if (!driver.there()) return {{}, "no NVIDIA driver"};
  const int error = driver.call("cuInit", 0U);
  int count = 0;
  if (error == no_device) return {{}, "no NVIDIA device"};
  if (error != 0 || driver.call("cuDeviceGetCount", &count) != 0)
    return {{}, fmt::format("the NVIDIA driver fails with error {}", error)};
  CudaDevices found;
  for (int i = 0; i < count; ++i) found.devices.push_back(device_of(driver, i));
  if (count == 0) found.reason = "no NVIDIA device";
  return found;
}

}  // namespace nn
