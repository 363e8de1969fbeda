// Kernels of the backend that move memory, to be timed. Internal to bench-device.
#pragma once

#include <functional>
#include <string_view>

#include "backend/cuda/runtime.hpp"

namespace nn::bench {

struct Queued {
  std::function<void()> start;  // once, on the queue's stream
  double bytes = 0;             // that must be read and written, were each read only once
};

// `name` over rows x columns, on memory of the arena. patches: gather and scatter, of `rows` images of
// 32x32 pixels and `columns` channels, by windows of 3x3. What follows a product may have its `values`.
// Nothing to start where there is no such kernel.
Queued kernel(std::string_view name, const backend::cuda::Queue& queue, backend::cuda::Arena& arena,
              backend::cuda::Index rows, backend::cuda::Index columns,
              backend::cuda::Each<float> values = nullptr);

}  // namespace nn::bench
