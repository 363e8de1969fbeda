// Elementary functions of vectors: relative error below 1e-6 in float; in double they are
// the C library's.
#pragma once

#include <math.h>

#include "backend/cpu/kernels/vector.hpp"

namespace nn::backend::cpu {
namespace {

template <typename F>
inline V each_lane(F f, V x) {
  V y;
  for (int l = 0; l < lanes; ++l) y[l] = f(x[l]);
  return y;
}

// e^x = scale * (1 + rest) with scale a power of two and |rest| below 0.42.
struct Exponential {
  V scale, rest;
};

// Argument reduction after Cody & Waite, "Software manual for the elementary functions",
// 1980, chapter 6: x = n ln 2 + r with ln 2 in two parts and |r| <= ln 2 / 2. There the
// Taylor polynomial of degree 7 is off by less than r^8 / 8! < 6e-9. Arguments beyond what
// a float holds are cut off; NaN stays NaN.
inline Exponential exponential(V x) {
  x = x < T{-87} ? splat(T{-87}) : x;
  x = x > T{88} ? splat(T{88}) : x;
  const T shift = 12582912;  // 1.5 * 2^23: adding it rounds to an integer in the low bits
  const V shifted = x * T{1.44269504f} + shift;
  const V n = shifted - shift;
  const V r = (x - n * T{0.693359375f}) - n * T{-2.12194440e-4f};
  V p = r * T{1.0f / 5040} + T{1.0f / 720};
  p = p * r + T{1.0f / 120};
  p = p * r + T{1.0f / 24};
  p = p * r + T{1.0f / 6};
  p = p * r + T{0.5f};
  const I exponent = bits_of(shifted) - bits_of(splat(shift)) + 127;
  return {from_bits(exponent << 23), p * r * r + r};
}

inline V exp_of(V x) {
  if constexpr (!is_float) return each_lane([](T v) { return static_cast<T>(::exp(v)); }, x);
  const Exponential e = exponential(x);
  return e.scale * e.rest + e.scale;
}

inline V expm1_of(V x) {
  if constexpr (!is_float) return each_lane([](T v) { return static_cast<T>(::expm1(v)); }, x);
  const Exponential e = exponential(x);
  return e.scale * e.rest + (e.scale - T{1});
}

// 2 atanh(s) = log((1 + s) / (1 - s)) by its Taylor series, for |s| <= 1/3.
inline V twice_atanh(V s) {
  const V q = s * s;
  V p = q * T{1.0f / 15} + T{1.0f / 13};
  p = p * q + T{1.0f / 11};
  p = p * q + T{1.0f / 9};
  p = p * q + T{1.0f / 7};
  p = p * q + T{1.0f / 5};
  p = p * q + T{1.0f / 3};
  return (p * q * s + s) * T{2};
}

// log x for normal x > 0: x = 2^n m with m in [2/3, 4/3), log m from the series above.
inline V log_of(V x) {
  if constexpr (!is_float) return each_lane([](T v) { return static_cast<T>(::log(v)); }, x);
  const I two_thirds = bits_of(splat(T{2.0f / 3}));
  const I n = (bits_of(x) - two_thirds) >> 23;
  const V m = from_bits(bits_of(x) - (n << 23));
  const V log_m = twice_atanh((m - T{1}) / (m + T{1}));
  const V exponent = __builtin_convertvector(n, V);
  // NaN and infinity come out as they went in.
  return x - x == T{0} ? log_m + exponent * T{0.693147181f} : x;
}

inline V log1p_of_unit(V x) {  // 0 <= x <= 1
  if constexpr (!is_float) return each_lane([](T v) { return static_cast<T>(::log1p(v)); }, x);
  return twice_atanh(x / (x + T{2}));
}

inline V tanh_of(V x) {
  if constexpr (!is_float) return each_lane([](T v) { return static_cast<T>(::tanh(v)); }, x);
  const V t = expm1_of(absolute(x) * T{-2});
  return with_sign_of(-t / (t + T{2}), x);
}

inline V sigmoid_of(V x) { return T{1} / (exp_of(-x) + T{1}); }

inline V softplus_of(V x) {
  const V tail = log1p_of_unit(exp_of(-absolute(x)));
  return (x < T{0} ? V{} : x) + tail;
}

// The standard normal distribution function and density. Float: Abramowitz & Stegun,
// "Handbook of mathematical functions", 1964, formula 7.1.26 (absolute error 1.5e-7 of
// erf, small against that of float).
struct Normal {
  V cdf, density;
};
inline Normal normal_of(V x) {
  const V e = exp_of(x * x * T{-0.5});
  const V density = e * static_cast<T>(0.39894228040143268);
  if constexpr (!is_float) {
    return {each_lane([](T v) { return static_cast<T>(::erfc(-v * 0.70710678118654752) / 2); }, x), density};
  }
  const V t = T{1} / (absolute(x) * T{0.3275911f * 0.70710678f} + T{1});
  V p = t * T{1.061405429f} + T{-1.453152027f};
  p = p * t + T{1.421413741f};
  p = p * t + T{-0.284496736f};
  p = p * t + T{0.254829592f};
  const V tail = p * t * e * T{0.5};
  return {x < T{0} ? tail : T{1} - tail, density};
}

}  // namespace
}  // namespace nn::backend::cpu
