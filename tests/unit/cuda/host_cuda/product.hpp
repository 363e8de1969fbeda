// A product of matrices as cuBLAS makes it, with plain loops over column-major matrices.
#pragma once

#include <cublas_v2.h>

#include <cstdint>
#include <cstring>

#include "host_cuda/fake_runtime.hpp"

struct cublasContext {
  int device = host_cuda::chosen_device();
  cudaStream_t stream = nullptr;
  void* workspace = nullptr;
};

namespace host_cuda {

// What is left of a float's mantissa where products have fewer bits.
inline float rounded(float value, int bits) {
  std::uint32_t word = 0;
  std::memcpy(&word, &value, sizeof word);
  const std::uint32_t lost = 23 - static_cast<std::uint32_t>(bits);
  word += (1u << (lost - 1)) - 1 + (word >> lost & 1);
  word &= ~((1u << lost) - 1);
  std::memcpy(&value, &word, sizeof word);
  return value;
}
inline float as_multiplied(float value, cublasComputeType_t type) {
  if (type == CUBLAS_COMPUTE_32F_FAST_TF32) return rounded(value, 10);
  if (type == CUBLAS_COMPUTE_32F_FAST_16BF) return rounded(value, 7);
  return value;
}
inline double as_multiplied(double value, cublasComputeType_t) { return value; }

template <typename T>
struct Product {
  bool a_transposed, b_transposed;
  std::int64_t m, n, k;
  const T* a;
  std::int64_t a_leading;
  const T* b;
  std::int64_t b_leading;
  T* c;
  std::int64_t c_leading;
  T alpha, beta;
  cublasComputeType_t type;

  bool in_bounds() const {
    const std::int64_t a_rows = a_transposed ? k : m, a_columns = a_transposed ? m : k;
    const std::int64_t b_rows = b_transposed ? n : k, b_columns = b_transposed ? k : n;
    return a_leading >= a_rows && b_leading >= b_rows && c_leading >= m &&
           inside(a, a_leading, a_rows, a_columns) && inside(b, b_leading, b_rows, b_columns) &&
           inside(c, c_leading, m, n);
  }
  void run() const {
    for (std::int64_t j = 0; j < n; ++j) {
      for (std::int64_t i = 0; i < m; ++i) {
        T sum = 0;
        for (std::int64_t l = 0; l < k; ++l) {
          const T left = a_transposed ? a[i * a_leading + l] : a[l * a_leading + i];
          const T right = b_transposed ? b[l * b_leading + j] : b[j * b_leading + l];
          sum += as_multiplied(left, type) * as_multiplied(right, type);
        }
        T& out = c[j * c_leading + i];
        out = beta == T{0} ? alpha * sum : alpha * sum + beta * out;
      }
    }
  }

 private:
  static bool inside(const T* data, std::int64_t leading, std::int64_t rows, std::int64_t columns) {
    return on_device(data, static_cast<std::size_t>(leading * (columns - 1) + rows) * sizeof(T));
  }
};

// Handles are for the device on which they were made.
inline bool chosen(cublasHandle_t handle) { return handle->device == chosen_device(); }

// Members' matrices begin in one allocation.
template <typename T>
bool in_one_piece(const T* first, std::int64_t next, std::int64_t count) {
  return next >= 0 && on_device(first, static_cast<std::size_t>(next * (count - 1) + 1) * sizeof(T));
}

// No element of a member's result is another's too: from one to the other it is some columns and
// some rows on, or a column more and some rows back.
template <typename T>
bool results_apart(const Product<T>& p, std::int64_t next, std::int64_t count) {
  for (std::int64_t i = 1; i < count; ++i) {
    const std::int64_t columns = i * next / p.c_leading, rows = i * next % p.c_leading;
    if ((columns < p.n && rows < p.m) || (columns + 1 < p.n && p.c_leading - rows < p.m)) return false;
  }
  return true;
}

// Whether members' matrices may be so far apart.
template <typename T>
bool distances_fit(const Product<T>& p, std::int64_t a_next, std::int64_t b_next, std::int64_t c_next,
                   std::int64_t count) {
  return in_one_piece(p.a, a_next, count) && in_one_piece(p.b, b_next, count) &&
         in_one_piece(p.c, c_next, count) && p.c_leading > 0 && results_apart(p, c_next, count);
}

}  // namespace host_cuda
