// Windows over images: patches for convolutions as matrix products, and pools. What windows
// share in the backward pass is gathered by the pixel that they share: nothing is added to by two
// threads, and the order is always the same.
#pragma once

#include "backend/cuda/kernels/divisor.cuh"
#include "backend/cuda/kernels/threads.cuh"

namespace nn::backend::cuda {

// Sizes and distances in pixels. A batch has fewer than 2^31 of them.
struct Windows {
  int in_height, in_width, out_height, out_width;
  int kernel_height, kernel_width, stride_height, stride_width;
  int top, left;
  Divisor by_in_width{in_width}, by_in_height{in_height}, by_out_width{out_width}, by_out_height{out_height};
  Divisor by_kernel_width{kernel_width}, by_stride_height{stride_height}, by_stride_width{stride_width};
};

struct Pixel {
  int row, y, x;  // of the batch, inside the image
};
__device__ inline Pixel pixel_of(Index number, const Divisor& height, const Divisor& width) {
  const unsigned n = static_cast<unsigned>(number), line = width.quotient(n), row = height.quotient(line);
  return {static_cast<int>(row), static_cast<int>(line - row * height.value),
          static_cast<int>(n - line * width.value)};
}

// f(input pixel, number in the window) for each pixel of an output's window inside the image.
template <typename F>
__device__ __forceinline__ void for_window(const Windows& w, Index output, F f) {
  const Pixel at = pixel_of(output, w.by_out_height, w.by_out_width);
  const int top = at.y * w.stride_height - w.top, left = at.x * w.stride_width - w.left;
  for (int i = 0; i < w.kernel_height; ++i) {
    if (top + i < 0 || top + i >= w.in_height) continue;
    for (int j = 0; j < w.kernel_width; ++j) {
      if (left + j < 0 || left + j >= w.in_width) continue;
      f((at.row * w.in_height + top + i) * w.in_width + left + j, i * w.kernel_width + j);
    }
  }
}

// On one axis, the windows [first, end) that hold the pixel `at` behind the first window's start.
struct Span {
  int first, end;
};
__device__ inline Span windows_over(int at, int kernel, const Divisor& stride, int count) {
  const int before = at - kernel;  // a window that starts there or before it ends too early
  const int first = before < 0 ? 0 : static_cast<int>(stride.quotient(static_cast<unsigned>(before))) + 1;
  const int end = static_cast<int>(stride.quotient(static_cast<unsigned>(at))) + 1;
  return {first, end < count ? end : count};
}

// f(output pixel, number in its window) for each window that an input pixel lies in.
template <typename F>
__device__ __forceinline__ void for_windows_over(const Windows& w, Index input, F f) {
  const Pixel at = pixel_of(input, w.by_in_height, w.by_in_width);
  const Span down = windows_over(at.y + w.top, w.kernel_height, w.by_stride_height, w.out_height);
  const Span across = windows_over(at.x + w.left, w.kernel_width, w.by_stride_width, w.out_width);
  for (int y = down.end - 1; y >= down.first; --y) {
    const int i = at.y + w.top - y * w.stride_height;
    for (int x = across.end - 1; x >= across.first; --x) {
      f((at.row * w.out_height + y) * w.out_width + x,
        i * w.kernel_width + at.x + w.left - x * w.stride_width);
    }
  }
}

// The distance of a convolution's window's pixels. Pools have no dilation.
struct Dilation {
  int height = 1, width = 1;
};

// The same of windows with a dilation, which a pixel may lie between the pixels of.
template <typename F>
__device__ __forceinline__ void for_windows_over(const Windows& w, const Dilation& d, Index input, F f) {
  const Pixel at = pixel_of(input, w.by_in_height, w.by_in_width);
  // From the window that has the pixel first to the one that has it last.
  NN_ROLLED for (int i = 0, top = at.y + w.top; i < w.kernel_height && top >= 0; ++i, top -= d.height) {
    const int y = static_cast<int>(w.by_stride_height.quotient(static_cast<unsigned>(top)));
    if (y >= w.out_height || y * w.stride_height != top) continue;
    NN_ROLLED for (int j = 0, left = at.x + w.left; j < w.kernel_width && left >= 0; ++j, left -= d.width) {
      const int x = static_cast<int>(w.by_stride_width.quotient(static_cast<unsigned>(left)));
      if (x < w.out_width && x * w.stride_width == left)
        f((at.row * w.out_height + y) * w.out_width + x, i * w.kernel_width + j);
    }
  }
}

// Channels of a group, and numbers of a patch, which are those of each pixel of a window.
struct PatchShape {
  int groups, channels, patch;
  Dilation dilation = {};
  Divisor by_channels{channels}, by_patch{patch};
};

// Patches of `outputs` pixels from `first` on: [groups, outputs, kernel area, channels of a
// group], 0 outside of the image.
template <typename T>
__global__ void gather_patches(Windows w, PatchShape p, Index first, Index outputs, Each<const T> x,
                               Index x_row, Each<T> patches) {
  for_elements(outputs, Index{p.groups} * p.patch, [&](Index i, Index column) {
    const int c = static_cast<int>(column), group = static_cast<int>(p.by_patch.quotient(c));
    const int inside = c - group * p.patch, number = static_cast<int>(p.by_channels.quotient(inside));
    const int line = static_cast<int>(w.by_kernel_width.quotient(number));
    const Pixel at = pixel_of(first + i, w.by_out_height, w.by_out_width);
    const int y = at.y * w.stride_height - w.top + line * p.dilation.height;
    const int z = at.x * w.stride_width - w.left + (number - line * w.kernel_width) * p.dilation.width;
    T v = 0;
    if (y >= 0 && y < w.in_height && z >= 0 && z < w.in_width) {
      const int pixel = (at.row * w.in_height + y) * w.in_width + z;
      v = x[pixel * x_row + group * p.channels + inside - number * p.channels];
    }
    patches[(group * outputs + i) * p.patch + inside] = v;
  });
}

// The backward pass of it: gx of `inputs` pixels from `first_in` on, whose windows are those outputs.
template <typename T>
__global__ void scatter_patches(Windows w, PatchShape p, Index first, Index outputs, Index first_in,
                                Index inputs, Each<const T> patches, Each<T> gx, Index gx_row,
                                bool accumulate) {
  for_elements(inputs, Index{p.groups} * p.channels, [&](Index i, Index c) {
    const int group = static_cast<int>(p.by_channels.quotient(static_cast<unsigned>(c)));
    const Index before = group * outputs - first, channel = c - group * p.channels;
    T sum = 0;
    for_windows_over(w, first_in + i, [&](int output, int number) {
      sum += patches[(before + output) * p.patch + number * p.channels + channel];
    });
    T& out = gx[(first_in + i) * gx_row + c];
    out = accumulate ? out + sum : sum;
  });
}

// The same where there is a dilation.
template <typename T>
__global__ void scatter_dilated(Windows w, PatchShape p, Index first, Index outputs, Index first_in,
                                Index inputs, Each<const T> patches, Each<T> gx, Index gx_row,
                                bool accumulate) {
  for_elements(inputs, Index{p.groups} * p.channels, [&](Index i, Index c) {
    const int group = static_cast<int>(p.by_channels.quotient(static_cast<unsigned>(c)));
    const Index before = group * outputs - first, channel = c - group * p.channels;
    T sum = 0;
    for_windows_over(w, p.dilation, first_in + i, [&](int output, int number) {
      sum += patches[(before + output) * p.patch + number * p.channels + channel];
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
    int which = -1;
    for_window(w, i, [&](int pixel, int number) {
      const T v = x[pixel * x_row + c];
      // A value that is not a number wins, so that it shows.
      if (which < 0 || v > best || v != v) {
        best = v;
        which = number;
      }
    });
    y[i * y_row + c] = best;
    if (chosen != nullptr) chosen[i * channels + c] = which;
  });
}

template <typename T>
__global__ void max_pool_back(Windows w, Index inputs, Index channels, Each<const std::int32_t> chosen,
                              Each<const T> g, Index g_row, Each<T> gx, Index gx_row, bool accumulate) {
  for_elements(inputs, channels, [&](Index i, Index c) {
    T sum = 0;
    for_windows_over(w, i, [&](int output, int number) {
      if (chosen[output * channels + c] == number) sum += g[output * g_row + c];
    });
    T& out = gx[i * gx_row + c];
    out = accumulate ? out + sum : sum;
  });
}

__device__ inline int pixels_inside(const Windows& w, Index output) {
  int count = 0;
  for_window(w, output, [&](int, int) { ++count; });
  return count;
}

template <typename T>
__global__ void average_pool(Windows w, Index outputs, Index channels, Each<const T> x, Index x_row,
                             Each<T> y, Index y_row) {
  for_elements(outputs, channels, [&](Index i, Index c) {
    T sum = 0;
    int count = 0;
    for_window(w, i, [&](int pixel, int) {
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
    for_windows_over(w, i, [&](int output, int) {
      sum += g[output * g_row + c] / static_cast<T>(pixels_inside(w, output));
    });
    T& out = gx[i * gx_row + c];
    out = accumulate ? out + sum : sum;
  });
}

}  // namespace nn::backend::cuda
