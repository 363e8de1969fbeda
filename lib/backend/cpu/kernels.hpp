// The arithmetic of a CPU program as a table of functions: the same source compiled for
// several instruction sets, one table chosen at run time. Internal to the backend.
//
// Matrices are row-major. "Padded" memory may be read and written up to the next multiple
// of 16 elements in each row; what is in the padding never reaches a result.
#pragma once

#include <cstdint>

#include "nn/kinds.hpp"

namespace nn::backend::cpu {

// c [m, n] = start + a [m, k] b [k, n], or c += a b. Each element is one sum over k in
// ascending order, whatever m and n are: a row's result doesn't depend on the others.
template <typename T>
struct Gemm {
  std::int64_t m = 0, n = 0, k = 0;
  const T* a = nullptr;
  std::int64_t a_row = 0, a_col = 1;  // strides; one of them is 1
  const T* b = nullptr;               // b_col 1: rows are read 15 elements beyond their end
  std::int64_t b_row = 0, b_col = 1;  // one of them is 1
  T* c = nullptr;
  std::int64_t c_row = 0;
  bool c_padded = false;     // else only n elements of a row are read and written
  bool accumulate = false;   // the sums start from c
  const T* start = nullptr;  // [n], padded; null: 0; not used when accumulating
  T* panel = nullptr;        // scratch, panel_size elements
};

// Blocks of A and B that stay in a second-level cache of 512 KiB to 1 MiB.
inline constexpr std::int64_t panel_size = 288 * (192 + 512) + 16;

// A loss over rows of outputs z (logits or values; padded rows).
template <typename T>
struct LossRows {
  std::int64_t rows = 0, width = 0, z_row = 0;
  const T* z = nullptr;
  const std::int32_t* labels = nullptr;  // [rows]
  const T* targets = nullptr;            // [rows, width], dense; [rows] of pinball and gaussian
  const T* quantiles = nullptr;          // [width]: pinball
  const T* weights = nullptr;            // [rows] or null
  T* gradient = nullptr;                 // as z; null: not wanted. Overwritten.
  T scale = 1;                           // of the gradient
  T smoothing = 0;                       // of labels
};

template <typename T>
struct Adam {
  T alpha, beta_1, beta_2, epsilon;  // alpha: learning rate with both bias corrections
};

struct Extent {
  std::int64_t height = 1, width = 1;
};

// Windows over images: output pixels [first, first + count) of all rows, counted through.
struct Patches {
  Extent in, out, kernel, strides;
  std::int64_t top = 0, left = 0;                // lines and pixels before the image
  Extent dilation;                               // of a window: from each of its pixels to the next one
  std::int64_t in_row = 0, in_pixel = 0;         // strides of the input
  std::int64_t first_channel = 0, channels = 0;  // of the input: those that a patch has
  std::int64_t first = 0, count = 0;
};

// Windows over all channels of pixels [first, first + count), and its output's strides.
struct Pool {
  Patches patches;
  std::int64_t out_row = 0, out_pixel = 0;
};

// Pixels of `channels` values, x + p * stride for each p < count.
template <typename T>
struct Pixels {
  std::int64_t count = 0, channels = 0;
  const T* x = nullptr;
  std::int64_t stride = 0;
};

// Element counts `n` of flat functions are multiples of 16 and their memory is aligned.
template <typename T>
struct Kernels {
  void (&gemm)(const Gemm<T>&);
  // out [n] = sum over rows of g (padded rows); only n elements are written.
  void (&column_sums)(std::int64_t rows, std::int64_t n, const T* g, std::int64_t g_row, T* out);

  // y may be x; slope as slope_of() of a layer.
  void (&activate)(Activation, T slope, std::int64_t n, const T* x, T* y);
  // g *= f'; `saved` is f's argument where keeps_argument() says so, else its value.
  void (&activate_back)(Activation, T slope, std::int64_t n, const T* saved, T* g);

  // Sum of weight * loss over the rows.
  double (&loss)(Loss, const LossRows<T>&);
  // y [rows, width], dense: softmax of the rows of z, which is overwritten.
  void (&softmax)(std::int64_t rows, std::int64_t width, T* z, std::int64_t z_row, T* y);

  // mask [n] = 0 where the random number of an element is below `limit`, else `keep`.
  void (&dropout_mask)(std::int64_t n, std::uint64_t seed, std::uint32_t stream, std::uint64_t step,
                       std::uint32_t limit, T keep, T* mask);

  // y = x * mask, rows of x and y apart by their strides; the mask is dense.
  void (&multiply_rows)(std::int64_t rows, std::int64_t width, const T* x, std::int64_t x_row, const T* mask,
                        T* y, std::int64_t y_row);

  // columns [count, kernel height * width * channels], dense, overwritten: in the order kernel line, kernel
  // pixel, channel.
  void (&gather_patches)(const Patches&, const T* x, T* columns);
  // x += columns, where they came from.
  void (&scatter_patches)(const Patches&, const T* columns, T* x);
  // A convolution in which each channel has a filter of its own: kernel [kernel height * width, channels].
  void (&depthwise)(const Pool&, const T* x, const T* kernel, const T* bias, T* y);
  // Adds to both gradients; null: not wanted.
  void (&depthwise_back)(const Pool&, const T* x, const T* kernel, const T* g, T* kernel_gradient,
                         T* x_gradient);
  // y: the largest of each window; chosen (as y, or null): which one, counted through the window.
  void (&max_pool)(const Pool&, const T* x, T* y, T* chosen);
  void (&max_pool_back)(const Pool&, const T* chosen, const T* g, T* x_gradient);  // adds
  void (&average_pool)(const Pool&, const T* x, T* y);
  void (&average_pool_back)(const Pool&, const T* g, T* x_gradient);  // adds

  // Over all pixels, for each channel: the sum of x, or of (x - center)^2. Overwrites.
  void (&channel_sums)(const Pixels<T>&, const T* center, double* sums);
  // Over all pixels, for each channel: the sums of g and of g * x. Overwrites.
  void (&channel_products)(const Pixels<T>&, const T* g, std::int64_t g_stride, double* g_sums,
                           double* gx_sums);
  // y = x * scale + shift, by channels.
  void (&scale_channels)(const Pixels<T>&, const T* scale, const T* shift, T* y, std::int64_t y_stride);
  // y = x * a + g * b + c, by channels.
  void (&combine_channels)(const Pixels<T>&, const T* a, const T* g, std::int64_t g_stride, const T* b,
                           const T* c, T* y, std::int64_t y_stride);
  // Each pixel to mean 0 and variance 1, times gamma, plus beta.
  void (&layer_norm)(const Pixels<T>&, T epsilon, const T* gamma, const T* beta, T* y, std::int64_t y_stride);
  // gx (null: not wanted), overwritten; gamma's and beta's gradients are added to.
  void (&layer_norm_back)(const Pixels<T>&, T epsilon, const T* gamma, const T* g, std::int64_t g_stride,
                          T* gx, std::int64_t gx_stride, T* gamma_gradient, T* beta_gradient);

  void (&scale)(std::int64_t n, T factor, T* x);
  void (&add_scaled)(std::int64_t n, T factor, const T* x, T* y);  // y += factor * x
  double (&sum_of_squares)(std::int64_t n, const T* x);

  // Updates of weights w by gradients g; s, m, v are the optimiser's slots.
  void (&momentum)(std::int64_t n, T rate, T momentum, const T* g, T* s, T* w);
  void (&nesterov)(std::int64_t n, T rate, T momentum, const T* g, T* s, T* w);
  void (&rmsprop)(std::int64_t n, T rate, T rho, T epsilon, const T* g, T* s, T* w);
  void (&adam)(std::int64_t n, Adam<T> constants, const T* g, T* m, T* v, T* w);
};

// One table an instruction set; kernels.cpp is compiled once for each.
#define NN_DECLARE_KERNELS(LEVEL)                    \
  extern const Kernels<float> LEVEL##_kernels_float; \
  extern const Kernels<double> LEVEL##_kernels_double;
NN_DECLARE_KERNELS(baseline)
NN_DECLARE_KERNELS(v3)
NN_DECLARE_KERNELS(v4)
#undef NN_DECLARE_KERNELS

}  // namespace nn::backend::cpu
