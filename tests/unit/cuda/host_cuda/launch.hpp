// Kernels as work of a stream.
#pragma once

#include <tuple>

#include "host_cuda/fake_runtime.hpp"
#include "host_cuda/simt.hpp"

// What a kernel takes for a member's is looked at before it is used.
#define NN_MEMBER(first, own) (::host_cuda::check_member(first, own), own)

namespace host_cuda {

template <typename... Parameters>
cudaError_t launch(cudaStream_t stream, dim3 grid, dim3 block, void (*kernel)(Parameters...),
                   Parameters... values) {
  const cudaError_t error = enqueue(stream, [=, arguments = std::tuple<Parameters...>(values...)] {
    run_grid(grid, block, [&] { std::apply(kernel, arguments); });
  });
  if (error == cudaSuccess) (check_argument(&values, sizeof values), ...);
  return error;
}

}  // namespace host_cuda
