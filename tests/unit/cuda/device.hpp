// Memory and kernels of the device that the host stands in for, as tests of kernels need them.
#pragma once

#include <vector>

#include "backend/cuda/blas.hpp"
#include "backend/cuda/kernels/threads.cuh"
#include "catch.hpp"
#include "host_cuda/simt.hpp"

namespace nn::test {

using host_cuda::Order;
inline constexpr Order all_orders[] = {Order::forward, Order::reverse, Order::random};

struct TestDevice {
  backend::cuda::Stream stream = backend::cuda::make_stream();
  backend::cuda::Arena arena{stream.get()};

  template <typename T>
  backend::cuda::Each<T> put(const std::vector<T>& values) {
    const auto count = static_cast<backend::cuda::Index>(values.size());
    const backend::cuda::Each<T> memory = arena.take_each<T>(1, count);
    backend::cuda::upload(stream.get(), values.data(), count, memory.data);
    return memory;
  }
  template <typename T>
  std::vector<T> get(const backend::cuda::Each<T>& memory, std::size_t count) {
    std::vector<T> values(count);
    backend::cuda::download(stream.get(), memory.data, static_cast<backend::cuda::Index>(count),
                            values.data());
    return values;
  }
};

}  // namespace nn::test
