// The dialect that kernels are written in, and how they are started: CUDA where nvcc compiles, and the
// same words for the host where tests run kernels without a device.
#pragma once

#ifdef __CUDACC__
  #include <cuda_runtime.h>
  #define NN_SHARED(type, name, count) __shared__ type name[count]
  #define NN_MEMBER(first, own) (own)
  // In front of loops that most threads go through once: to unroll them, the compiler would divide.
  #define NN_ROLLED _Pragma("unroll 1")
#else
  #include "host_cuda/launch.hpp"
#endif

#include <math.h>

#include <cstdint>

#include "backend/cuda/runtime.hpp"

namespace nn::backend::cuda {

struct Shape2 {
  dim3 grid, block;
};

// The most that a grid or a block of work has. Tests have less, so that small networks take every
// way that large ones take.
#ifdef __CUDACC__
constexpr Index most_of(Index limit) { return limit; }
#else
inline Index most_of(Index limit) { return host_cuda::shrunk(limit); }
#endif

inline dim3 grid_of(const Queue& queue, const Shape2& shape) {
  return dim3(shape.grid.x, shape.grid.y, static_cast<unsigned>(queue.members));
}

template <typename T>
__device__ inline Each<T>::operator T*() const {
  return NN_MEMBER(data, data + Index{blockIdx.z} * next);
}
template <typename T>
__device__ inline T* Each<T>::operator->() const {
  return *this;
}

#ifdef __CUDACC__
template <typename... Parameters, typename... Arguments>
void launch(const Queue& queue, const Shape2& shape, void (*kernel)(Parameters...), Arguments... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = grid_of(queue, shape);
  config.blockDim = shape.block;
  config.stream = queue.stream;
  check(cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...), "starting a kernel");
}
#else
template <typename... Parameters, typename... Arguments>
void launch(const Queue& queue, const Shape2& shape, void (*kernel)(Parameters...), Arguments... arguments) {
  check(host_cuda::launch(queue.stream, grid_of(queue, shape), shape.block, kernel,
                          static_cast<Parameters>(arguments)...),
        "starting a kernel");
}
#endif

}  // namespace nn::backend::cuda
