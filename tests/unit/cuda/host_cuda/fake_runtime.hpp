// A stand-in for the CUDA runtime and cuBLAS on NVIDIA's own prototypes, for as much of them
// as the backend calls. Streams are queues that run when somebody waits for them, so that a
// missing wait shows; memory of the device and of the host are told apart; every argument is
// checked. What a correct program never does ends this one with a message.
#pragma once

#include <cuda_runtime_api.h>

#include <functional>

namespace host_cuda {

void enqueue(cudaStream_t stream, std::function<void()> work);

// Whether these bytes lie in one allocation of the device.
bool on_device(const void* memory, std::size_t size);

[[noreturn]] void fail(const char* what);

struct Counts {
  int allocations = 0, products = 0, fused_products = 0, graph_launches = 0, waits = 0;
  std::size_t bytes_to_device = 0;  // copied
};
Counts& counts();

// Whether cublasLt has kernels for products with epilogues; at first it does.
bool& has_fused_kernels();

}  // namespace host_cuda
