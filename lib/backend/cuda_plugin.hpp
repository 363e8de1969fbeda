// The CUDA backend is a plugin, nn-cuda.so: CUDA's libraries are large and slow to load, and
// only programs that use a GPU shall have them.
#pragma once

#include <memory>

#include "backend/backend.hpp"
#include "backend/cuda_driver.hpp"

namespace nn::backend {

// The plugin exports these as C functions. C++ objects cross the border between both, so that a plugin is
// used only where its nn_cuda_abi() is the tools' own NN_PLUGIN_ABI, the hash of the headers that declare
// them.
using CudaPluginAbi = const char*();             // nn_cuda_abi
using CudaPluginOpen = Backend*(const Device&);  // nn_cuda_open: the caller owns the backend; throws Error

// The devices that the plugin can use; none without it.
CudaDevices find_cuda_devices();

// Throws an error that names the device and what is missing.
void check_cuda_device(const Device& device);
std::unique_ptr<Backend> open_cuda_backend(const Device& device);

}  // namespace nn::backend
