// The CUDA backend is a plugin, nn-cuda.so: CUDA's libraries are large and slow to load, and
// only programs that use a GPU shall have them.
#pragma once

#include <memory>

#include "backend/backend.hpp"
#include "backend/cuda_driver.hpp"

namespace nn::backend {

// What the plugin exports, as C functions: this number, and
//   nn::Backend* nn_cuda_open(const nn::Device&): what the caller owns; throws nn::Error.
// To be raised with every change of Backend, Program, Plan and what they are asked with.
inline constexpr int cuda_plugin_interface = 5;
using CudaPluginInterface = int();               // nn_cuda_interface
using CudaPluginOpen = Backend*(const Device&);  // nn_cuda_open

// The devices that the plugin can use; none without it.
CudaDevices find_cuda_devices();

// Throws an error that names the device and what is missing.
void check_cuda_device(const Device& device);
std::unique_ptr<Backend> open_cuda_backend(const Device& device);

}  // namespace nn::backend
