// Kernels as work of a stream.
#pragma once

#include <tuple>

#include "host_cuda/fake_runtime.hpp"
#include "host_cuda/simt.hpp"

namespace host_cuda {

template <typename... Parameters>
void launch(cudaStream_t stream, dim3 grid, dim3 block, void (*kernel)(Parameters...), Parameters... values) {
  enqueue(stream, [=, arguments = std::tuple<Parameters...>(values...)] {
    run_grid(grid, block, [&] { std::apply(kernel, arguments); });
  });
}

}  // namespace host_cuda
