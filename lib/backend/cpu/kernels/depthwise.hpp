// Convolutions of single channels: a group for each, with one filter. As products of matrices they would have
// one column; here the channels of a pixel are next to each other.
#pragma once

#include "backend/cpu/kernels/images.hpp"

namespace nn::backend::cpu {
namespace {

inline void multiply_add_values(const T* a, const T* b, std::int64_t n, T* to) {
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) store(to + i, load(to + i) + load(a + i) * load(b + i));
  for (; i < n; ++i) to[i] += a[i] * b[i];
}

void depthwise(const Pool& windows, const T* x, const T* kernel, const T* bias, T* y) {
  const std::int64_t channels = windows.patches.channels;
  for_outputs(windows, [&](std::int64_t out, const Cursor& at) {
    copy_values(bias, channels, y + out);
    for_window(at, [&](std::int64_t from, std::int64_t number) {
      multiply_add_values(x + from, kernel + number * channels, channels, y + out);
    });
  });
}

void depthwise_back(const Pool& windows, const T* x, const T* kernel, const T* g, T* kernel_gradient,
                    T* x_gradient) {
  const std::int64_t channels = windows.patches.channels;
  for_outputs(windows, [&](std::int64_t out, const Cursor& at) {
    for_window(at, [&](std::int64_t from, std::int64_t number) {
      if (kernel_gradient != nullptr)
        multiply_add_values(x + from, g + out, channels, kernel_gradient + number * channels);
      if (x_gradient != nullptr)
        multiply_add_values(kernel + number * channels, g + out, channels, x_gradient + from);
    });
  });
}

}  // namespace
}  // namespace nn::backend::cpu
