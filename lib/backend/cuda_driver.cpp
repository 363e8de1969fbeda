#include "backend/cuda_driver.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <string_view>

#include "base/text.hpp"

namespace nn::backend {
namespace {

// Constants of the driver's interface, as CUDA's documentation has them ("CUDA driver API", sections 6.2
// to 6.5): results are 0 or the number of an error.
constexpr int capability_major = 75, capability_minor = 76;
constexpr int no_device = 100;
constexpr int unknown_call = -1;  // ours

// The library is never closed: loading it again takes time, and CUDA's own libraries need it as well.
class Driver {
 public:
  Driver() : library_(::dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL)) {}
  bool there() const { return library_ != nullptr; }

  // The answer to a call; unknown_call where the driver has no such function.
  template <typename... Arguments>
  int call(const char* name, Arguments... arguments) const {
    using Function = int (*)(Arguments...);
    const auto function = reinterpret_cast<Function>(::dlsym(library_, name));
    return function != nullptr ? function(arguments...) : unknown_call;
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

// Advice for errors that have a usual reason.
std::string_view advice(int error) {
  switch (error) {
    case 34: return "this libcuda.so.1 is the stub that CUDA has for linking; see LD_LIBRARY_PATH";
    case 46: return "another process may have the GPU for itself; see its compute mode in nvidia-smi -q";
    case 801: return "this GPU, or this virtual machine's share of one, offers no CUDA; see nvidia-smi";
    case 802: return "GPUs with NVSwitch need the service nvidia-fabricmanager; is it running?";
    case 803:
      return "libcuda.so.1 and the kernel's driver are of different versions; restart after an update, and "
             "see LD_LIBRARY_PATH";
    case 804:
      return "this libcuda.so.1 is of CUDA's compatibility package, which this GPU can't use; see "
             "LD_LIBRARY_PATH";
    case 999: return "is the kernel's module nvidia_uvm loaded? see dmesg";
    default: return {};
  }
}

// "the NVIDIA driver fails: CUDA_ERROR_UNKNOWN (999), unknown error (what to look at)"
std::string failure(const Driver& driver, int error) {
  if (error == unknown_call) return "libcuda.so.1 is not an NVIDIA driver's";
  const char *name = nullptr, *meaning = nullptr;
  driver.call("cuGetErrorName", error, &name);
  driver.call("cuGetErrorString", error, &meaning);
  std::string text = name != nullptr ? fmt::format("the NVIDIA driver fails: {} ({})", printable(name), error)
                                     : fmt::format("the NVIDIA driver fails with error {}", error);
  if (meaning != nullptr) text += fmt::format(", {}", printable(meaning, 200));
  if (const auto hint = advice(error); !hint.empty()) text += fmt::format(" ({})", hint);
  return text;
}

CudaDevices ask() {
  const Driver driver;
  if (!driver.there()) return {{}, "no NVIDIA driver"};
  int count = 0;
  int error = driver.call("cuInit", 0U);
  if (error == 0) error = driver.call("cuDeviceGetCount", &count);
  if (error == no_device || (error == 0 && count <= 0)) return {{}, "no NVIDIA device"};
  if (error != 0) return {{}, failure(driver, error)};
  CudaDevices found;
  for (int i = 0; i < count; ++i) found.devices.push_back(device_of(driver, i));
  return found;
}

}  // namespace

std::string describe(const CudaDevice& device) {
  return fmt::format("{}, {:.0f} GiB, compute capability {}.{}", device.name,
                     static_cast<double>(device.memory) / (1 << 30), device.major, device.minor);
}

const CudaDevices& ask_cuda_driver() {
  static const CudaDevices answer = ask();
  return answer;
}

}  // namespace nn::backend
