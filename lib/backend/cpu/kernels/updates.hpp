// Optimiser updates over whole parameter blocks, as Keras defines them; formulas in
// backend.hpp. Plain loops: the compiler turns them into vectors.
#pragma once

#include "backend/cpu/kernels/vector.hpp"

namespace nn::backend::cpu {
namespace {

inline T root(T x) {
  if constexpr (is_float) {
    return __builtin_sqrtf(static_cast<float>(x));
  } else {
    return static_cast<T>(__builtin_sqrt(x));
  }
}

void scale(std::int64_t n, T factor, T* x) {
  for (std::int64_t i = 0; i < n; ++i) x[i] *= factor;
}

void add_scaled(std::int64_t n, T factor, const T* __restrict x, T* __restrict y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] += factor * x[i];
}

double sum_of_squares(std::int64_t n, const T* x) {
  double sums[16] = {};
  for (std::int64_t i = 0; i < n; i += 16) {
    for (int l = 0; l < 16; ++l) {
      const auto v = static_cast<double>(x[i + l]);
      sums[l] += v * v;
    }
  }
  double total = 0;
  for (const double s : sums) total += s;
  return total;
}

void momentum(std::int64_t n, T rate, T momentum, const T* __restrict g, T* __restrict s, T* __restrict w) {
  for (std::int64_t i = 0; i < n; ++i) {
    s[i] = momentum * s[i] - rate * g[i];
    w[i] += s[i];
  }
}

void nesterov(std::int64_t n, T rate, T momentum, const T* __restrict g, T* __restrict s, T* __restrict w) {
  for (std::int64_t i = 0; i < n; ++i) {
    const T push = rate * g[i];
    s[i] = momentum * s[i] - push;
    w[i] += momentum * s[i] - push;
  }
}

void rmsprop(std::int64_t n, T rate, T rho, T epsilon, const T* __restrict g, T* __restrict s,
             T* __restrict w) {
  for (std::int64_t i = 0; i < n; ++i) {
    s[i] = rho * s[i] + (1 - rho) * g[i] * g[i];
    w[i] -= rate * g[i] / root(s[i] + epsilon);
  }
}

void adam(std::int64_t n, Adam<T> a, const T* __restrict g, T* __restrict m, T* __restrict v,
          T* __restrict w) {
  for (std::int64_t i = 0; i < n; ++i) {
    m[i] += (g[i] - m[i]) * (1 - a.beta_1);
    v[i] += (g[i] * g[i] - v[i]) * (1 - a.beta_2);
    w[i] -= a.alpha * m[i] / (root(v[i]) + a.epsilon);
  }
}

}  // namespace
}  // namespace nn::backend::cpu
