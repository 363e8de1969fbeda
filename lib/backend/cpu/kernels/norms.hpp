// Sums over pixels for each channel, and over channels for each pixel.
#pragma once

#include "backend/cpu/kernels/updates.hpp"  // root
#include "backend/cpu/kernels/vector.hpp"

namespace nn::backend::cpu {
namespace {

// f(j, count) for each vector of channels, of which `count` lanes are there.
template <typename F>
inline void for_channels(std::int64_t channels, F f) {
  for (std::int64_t j = 0; j < channels; j += lanes) f(j, channels - j < lanes ? channels - j : lanes);
}

inline void store_some(T* p, V v, std::int64_t count) {
  if (count == lanes) {
    store(p, v);
  } else {
    store_first(p, v, count);
  }
}

// Channels [j, j + lanes) of a pixel; those that it doesn't have are not read.
inline V load_channels(const T* x, std::int64_t j, std::int64_t channels) {
  if (channels - j >= lanes) return load(x + j);
  V v{};
  for (std::int64_t l = 0; l < channels - j; ++l) v[l] = x[j + l];
  return v;
}

// Sums in T over so many pixels, those sums in double: neither slow nor inexact.
constexpr std::int64_t pixels_summed = 256;

// sums [channels], overwritten: over all pixels p, of the vectors f(p, first channel).
template <typename F>
inline void sum_pixels(const Pixels<T>& in, double* sums, F f) {
  for (std::int64_t j = 0; j < in.channels; ++j) sums[j] = 0;
  for (std::int64_t p = 0; p < in.count; p += pixels_summed) {
    const std::int64_t end = p + pixels_summed < in.count ? p + pixels_summed : in.count;
    for_channels(in.channels, [&](std::int64_t j, std::int64_t present) {
      V block{};
      for (std::int64_t q = p; q < end; ++q) block += f(q, j);
      for (std::int64_t l = 0; l < present; ++l) sums[j + l] += static_cast<double>(block[l]);
    });
  }
}

void channel_sums(const Pixels<T>& in, const T* center, double* sums) {
  if (center == nullptr) {
    sum_pixels(in, sums, [&](std::int64_t p, std::int64_t j) {
      return load_channels(in.x + p * in.stride, j, in.channels);
    });
  } else {
    sum_pixels(in, sums, [&](std::int64_t p, std::int64_t j) {
      const V d = load_channels(in.x + p * in.stride, j, in.channels) - load(center + j);
      return d * d;
    });
  }
}

void channel_products(const Pixels<T>& in, const T* g, std::int64_t g_stride, double* g_sums,
                      double* gx_sums) {
  sum_pixels(in, g_sums, [&](std::int64_t p, std::int64_t j) { return load(g + p * g_stride + j); });
  sum_pixels(in, gx_sums, [&](std::int64_t p, std::int64_t j) {
    return load(g + p * g_stride + j) * load_channels(in.x + p * in.stride, j, in.channels);
  });
}

void scale_channels(const Pixels<T>& in, const T* scale, const T* shift, T* y, std::int64_t y_stride) {
  for (std::int64_t p = 0; p < in.count; ++p) {
    const T* x = in.x + p * in.stride;
    T* out = y + p * y_stride;
    for_channels(in.channels, [&](std::int64_t j, std::int64_t present) {
      store_some(out + j, load_channels(x, j, in.channels) * load(scale + j) + load(shift + j), present);
    });
  }
}

void combine_channels(const Pixels<T>& in, const T* a, const T* g, std::int64_t g_stride, const T* b,
                      const T* c, T* y, std::int64_t y_stride) {
  for (std::int64_t p = 0; p < in.count; ++p) {
    const T* x = in.x + p * in.stride;
    for_channels(in.channels, [&](std::int64_t j, std::int64_t present) {
      const V v = load_channels(x, j, in.channels) * load(a + j) + load(g + p * g_stride + j) * load(b + j) +
                  load(c + j);
      store_some(y + p * y_stride + j, v, present);
    });
  }
}

// Sum over the channels of one pixel of f(j), a vector of values.
template <typename F>
inline T sum_channels(std::int64_t channels, F f) {
  V total{};
  for_channels(channels, [&](std::int64_t j, std::int64_t present) {
    const V v = f(j);
    total += present == lanes ? v : (first_lanes(present) ? v : V{});
  });
  return sum(total);
}

struct PixelMoments {
  T mean, factor;  // 1 / standard deviation
};

inline PixelMoments moments_of(const T* x, std::int64_t channels, T epsilon) {
  const T part = T{1} / static_cast<T>(channels);
  const T mean = part * sum_channels(channels, [&](std::int64_t j) { return load_channels(x, j, channels); });
  const T variance = part * sum_channels(channels, [&](std::int64_t j) {
                       const V d = load_channels(x, j, channels) - mean;
                       return d * d;
                     });
  return {mean, T{1} / root(variance + epsilon)};
}

void layer_norm(const Pixels<T>& in, T epsilon, const T* gamma, const T* beta, T* y, std::int64_t y_stride) {
  for (std::int64_t p = 0; p < in.count; ++p) {
    const T* x = in.x + p * in.stride;
    const PixelMoments m = moments_of(x, in.channels, epsilon);
    for_channels(in.channels, [&](std::int64_t j, std::int64_t present) {
      store_some(y + p * y_stride + j,
                 (load_channels(x, j, in.channels) - m.mean) * m.factor * load(gamma + j) + load(beta + j),
                 present);
    });
  }
}

// With h = g * gamma and the normalised input n: gx = (h - mean(h) - n * mean(h * n)) / deviation
// (Ba, Kiros & Hinton 2016, from the derivative of section 3).
void layer_norm_back(const Pixels<T>& in, T epsilon, const T* gamma, const T* g, std::int64_t g_stride, T* gx,
                     std::int64_t gx_stride, T* gamma_gradient, T* beta_gradient) {
  const T part = T{1} / static_cast<T>(in.channels);
  for (std::int64_t p = 0; p < in.count; ++p, g += g_stride) {
    const T* x = in.x + p * in.stride;
    const PixelMoments m = moments_of(x, in.channels, epsilon);
    const auto normalised = [&](std::int64_t j) {
      return (load_channels(x, j, in.channels) - m.mean) * m.factor;
    };
    for_channels(in.channels, [&](std::int64_t j, std::int64_t present) {
      const V v = load(g + j);
      store_some(gamma_gradient + j, load(gamma_gradient + j) + v * normalised(j), present);
      store_some(beta_gradient + j, load(beta_gradient + j) + v, present);
    });
    if (gx == nullptr) continue;
    const T mean =
        part * sum_channels(in.channels, [&](std::int64_t j) { return load(g + j) * load(gamma + j); });
    const T slope = part * sum_channels(in.channels, [&](std::int64_t j) {
                      return load(g + j) * load(gamma + j) * normalised(j);
                    });
    for_channels(in.channels, [&](std::int64_t j, std::int64_t present) {
      const V v = (load(g + j) * load(gamma + j) - mean - normalised(j) * slope) * m.factor;
      store_some(gx + p * gx_stride + j, v, present);
    });
  }
}

}  // namespace
}  // namespace nn::backend::cpu
