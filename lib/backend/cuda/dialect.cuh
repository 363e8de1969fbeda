// What kernels are written in and how they are started: CUDA where nvcc compiles, and the
// same words for the host where tests run kernels without a device.
#pragma once

#ifdef __CUDACC__
  #include <cuda_runtime.h>
  #define NN_SHARED(type, name, count) __shared__ type name[count]
#else
  #include "host_cuda/launch.hpp"
#endif

#include <math.h>

#include <cstdint>

#include "backend/cuda/runtime.hpp"

namespace nn::cuda {

struct Shape2 {
  dim3 grid, block;
};

#ifdef __CUDACC__
template <typename... Parameters, typename... Arguments>
void launch(cudaStream_t stream, const Shape2& shape, void (*kernel)(Parameters...), Arguments... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = shape.grid;
  config.blockDim = shape.block;
  config.stream = stream;
  check(cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...), "starting a kernel");
}
#else
template <typename... Parameters, typename... Arguments>
void launch(cudaStream_t stream, const Shape2& shape, void (*kernel)(Parameters...), Arguments... arguments) {
  host_cuda::launch(stream, shape.grid, shape.block, kernel, static_cast<Parameters>(arguments)...);
}
#endif

}  // namespace nn::cuda
