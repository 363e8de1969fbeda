// Memory and kernels of the device that the host stands in for, as tests of kernels need them.
#pragma once

#include <catch2/catch.hpp>
#include <vector>

#include "backend/cuda/kernels/threads.cuh"
#include "host_cuda/simt.hpp"

namespace nn::test {

using host_cuda::Order;
inline constexpr Order all_orders[] = {Order::forward, Order::reverse, Order::random};

struct TestDevice {
  cuda::Stream stream = cuda::make_stream();
  cuda::Arena arena{stream.get()};

  template <typename T>
  T* put(const std::vector<T>& values) {
    T* memory = arena.take<T>(static_cast<cuda::Index>(values.size()));
    cuda::upload(stream.get(), values.data(), static_cast<cuda::Index>(values.size()), memory);
    return memory;
  }
  template <typename T>
  std::vector<T> get(const T* memory, std::size_t count) {
    std::vector<T> values(count);
    cuda::download(stream.get(), memory, static_cast<cuda::Index>(count), values.data());
    return values;
  }
};

}  // namespace nn::test
