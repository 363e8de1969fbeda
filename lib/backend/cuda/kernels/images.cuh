// Windows over images: patches for convolutions as matrix products, and pools. What windows
// share on the way back is gathered by the pixel that they share: nothing is added to by two
// threads, and the order is always the same.
#pragma once

#include "backend/cuda/kernels/threads.cuh"

namespace nn::cuda {

struct Windows {
  Index in_height, in_width, out_height, out_width;
  Index kernel_height, kernel_width, stride_height, stride_width;
  Index top, left;
};

struct Pixel {
  Index row, y, x;  // of the batch, inside the image
};
__device__ inline Pixel pixel_of(Index number, Index height, Index width) {
  return {number / (height * width), number / width % height, number % width};
}

// f(input pixel, number in the window) for each pixel of an output's window inside the image.
template <typename F>
__device__ __forceinline__ void for_window(const Windows& w, Index output, F f) {
  const Pixel at = pixel_of(output, w.out_height, w.out_width);
  const Index top = at.y * w.stride_height - w.top, left = at.x * w.stride_width - w.left;
  for (Index i = 0; i < w.kernel_height; ++i) {
    if (top + i < 0 || top + i >= w.in_height) continue;
    for (Index j = 0; j < w.kernel_width; ++j) {
      if (left + j < 0 || left + j >= w.in_width) continue;
      f((at.row * w.in_height + top + i) * w.in_width + left + j, i * w.kernel_width + j);
    }
  }
}

// f(output pixel, number in its window) for each window that an input pixel lies in.
template <typename F>
__device__ __forceinline__ void for_windows_over(const Windows& w, Index input, F f) {
  const Pixel at = pixel_of(input, w.in_height, w.in_width);
  for (Index i = 0; i < w.kernel_height; ++i) {
    const Index y = at.y + w.top - i;
    if (y < 0 || y % w.stride_height != 0 || y / w.stride_height >= w.out_height) continue;
    for (Index j = 0; j < w.kernel_width; ++j) {
      const Index x = at.x + w.left - j;
      if (x < 0 || x % w.stride_width != 0 || x / w.stride_width >= w.out_width) continue;
      f((at.row * w.out_height + y / w.stride_height) * w.out_width + x / w.stride_width,
        i * w.kernel_width + j);
    }
  }
}

// Patches of `outputs` pixels from `first` on: [groups, outputs, kernel area, channels of a
// group], 0 outside of the image.
template <typename T>
__global__ void gather_patches(Windows w, Index first, Index outputs, Index groups, Index channels,
                               Each<const T> x, Index x_row, Each<T> patches) {
  const Index area = w.kernel_height * w.kernel_width, patch = area * channels;
  for_elements(outputs, groups * patch, [&](Index i, Index c) {
    const Index group = c / patch, number = c % patch / channels, channel = c % channels;
    const Pixel at = pixel_of(first + i, w.out_height, w.out_width);
    const Index y = at.y * w.stride_height - w.top + number / w.kernel_width;
    const Index z = at.x * w.stride_width - w.left + number % w.kernel_width;
    const bool inside = y >= 0 && y < w.in_height && z >= 0 && z < w.in_width;
    const Index pixel = (at.row * w.in_height + y) * w.in_width + z;
    patches[(group * outputs + i) * patch + c % patch] =
        inside ? x[pixel * x_row + group * channels + channel] : T{0};
  });
}

// The other way: gx of `inputs` pixels from `first_in` on, whose windows are those outputs.
template <typename T>
__global__ void scatter_patches(Windows w, Index first, Index outputs, Index first_in, Index inputs,
                                Index groups, Index channels, Each<const T> patches, Each<T> gx, Index gx_row,
                                bool accumulate) {
  const Index patch = w.kernel_height * w.kernel_width * channels;
  for_elements(inputs, groups * channels, [&](Index i, Index c) {
    const Index group = c / channels, channel = c % channels;
    T sum = 0;
    for_windows_over(w, first_in + i, [&](Index output, Index number) {
      sum += patches[(group * outputs + output - first) * patch + number * channels + channel];
    });
    T& out = gx[(first_in + i) * gx_row + c];
    out = accumulate ? out + sum : sum;
  });
}

// `chosen` (null: not wanted) gets the number in the window of each largest value.
template <typename T>
__global__ void max_pool(Windows w, Index outputs, Index channels, Each<const T> x, Index x_row, Each<T> y,
                         Index y_row, Each<std::int32_t> chosen) {
  for_elements(outputs, channels, [&](Index i, Index c) {
    T best = 0;
    Index which = -1;
    for_window(w, i, [&](Index pixel, Index number) {
      const T v = x[pixel * x_row + c];
      // What is not a number wins, so that it shows.
      if (which < 0 || v > best || v != v) {
        best = v;
        which = number;
      }
    });
    y[i * y_row + c] = best;
    if (chosen != nullptr) chosen[i * channels + c] = static_cast<std::int32_t>(which);
  });
}

template <typename T>
__global__ void max_pool_back(Windows w, Index inputs, Index channels, Each<const std::int32_t> chosen,
                              Each<const T> g, Index g_row, Each<T> gx, Index gx_row, bool accumulate) {
  for_elements(inputs, channels, [&](Index i, Index c) {
    T sum = 0;
    for_windows_over(w, i, [&](Index output, Index number) {
      if (chosen[output * channels + c] == number) sum += g[output * g_row + c];
    });
    T& out = gx[i * gx_row + c];
    out = accumulate ? out + sum : sum;
  });
}

__device__ inline Index pixels_inside(const Windows& w, Index output) {
  Index count = 0;
  for_window(w, output, [&](Index, Index) { ++count; });
  return count;
}

template <typename T>
__global__ void average_pool(Windows w, Index outputs, Index channels, Each<const T> x, Index x_row,
                             Each<T> y, Index y_row) {
  for_elements(outputs, channels, [&](Index i, Index c) {
    T sum = 0;
    Index count = 0;
    for_window(w, i, [&](Index pixel, Index) {
      sum += x[pixel * x_row + c];
      ++count;
    });
    y[i * y_row + c] = sum / static_cast<T>(count);
  });
}

template <typename T>
__global__ void average_pool_back(Windows w, Index inputs, Index channels, Each<const T> g, Index g_row,
                                  Each<T> gx, Index gx_row, bool accumulate) {
  for_elements(inputs, channels, [&](Index i, Index c) {
    T sum = 0;
    for_windows_over(w, i, [&](Index output, Index) {
      sum += g[output * g_row + c] / static_cast<T>(pixels_inside(w, output));
    });
    T& out = gx[i * gx_row + c];
    out = accumulate ? out + sum : sum;
  });
}

}  // namespace nn::cuda
