// A stand-in for the CUDA runtime and cuBLAS on NVIDIA's own prototypes, for as much of them
// as the backend calls. Streams are queues that run when somebody waits for them, so that a
// missing wait shows; memory of each device and of the host are told apart; every argument is
// checked. What a correct program never does ends this one with a message.
#pragma once

#include <cuda_runtime_api.h>

#include <functional>
#include <mutex>

namespace host_cuda {

// Held by every call, and while a stream runs: devices take turns, and all memory of blocks is shared.
std::recursive_mutex& one_at_a_time();

// An error, and nothing is queued, where the stream is of another device than the thread has chosen.
[[nodiscard]] cudaError_t enqueue(cudaStream_t stream, std::function<void()> work);

// Whether these bytes lie in one allocation of the device that the thread has chosen.
bool on_device(const void* memory, std::size_t size);
// That an argument of a kernel, these bytes, has no pointer to another device's memory.
void check_argument(const void* argument, std::size_t size);
// That what a kernel takes for a member's lies where the first member's does.
void check_member(const void* first, const void* own);

int chosen_device();

[[noreturn]] void fail(const char* what);

struct Counts {
  int allocations = 0, products = 0, fused_products = 0, graph_launches = 0, waits = 0;
  std::int64_t multiplications = 0;  // of products, as they were asked for
  std::size_t bytes_to_device = 0;   // copied
};
Counts& counts();

// Whether cublasLt has kernels for products with epilogues; at first it does.
bool& has_fused_kernels();

}  // namespace host_cuda
