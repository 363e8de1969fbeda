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
  cuda::Stream stream = cuda::make_stream();
  cuda::Arena arena{stream.get()};

  template <typename T>
  cuda::Each<T> put(const std::vector<T>& values) {
    const auto count = static_cast<cuda::Index>(values.size());
    const cuda::Each<T> memory = arena.take_each<T>(1, count);
    cuda::upload(stream.get(), values.data(), count, memory.data);
    return memory;
  }
  template <typename T>
  std::vector<T> get(const cuda::Each<T>& memory, std::size_t count) {
    std::vector<T> values(count);
    cuda::download(stream.get(), memory.data, static_cast<cuda::Index>(count), values.data());
    return values;
  }
};

}  // namespace nn::test
