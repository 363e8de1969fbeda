// Asks NVIDIA's driver about its devices, without any CUDA library.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace nn::backend {

struct CudaDevice {
  std::string name;
  std::size_t memory = 0;    // bytes
  int major = 0, minor = 0;  // compute capability
};
std::string describe(const CudaDevice& device);  // "NVIDIA H100, 80 GiB, compute capability 9.0"

struct CudaDevices {
  std::vector<CudaDevice> devices;
  std::string reason;  // why there are none: "no NVIDIA driver"
};
// Asks once: the answer, an error too, is that of the first call. Any thread may call it.
const CudaDevices& ask_cuda_driver();

}  // namespace nn::backend
