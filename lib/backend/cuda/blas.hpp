// Products of matrices, of all members at once. Internal to the backend.
#pragma once

#include <cublas_v2.h>

#include <cstdint>

#include "backend/backend.hpp"
#include "backend/cuda/runtime.hpp"

namespace nn::backend::cuda {

// A row-major matrix of each member, or `count` of them, `next` elements from each to the one behind it.
template <typename T>
struct Matrix {
  Each<T> data;
  std::int64_t row = 0;  // elements from one row to the next
  std::int64_t next = 0;
  bool transposed = false;  // read the other way round; not for results
};

template <typename T>
struct Product {
  std::int64_t m = 0, n = 0, k = 0, count = 1;
  Matrix<const T> a, b;  // [m, k], [k, n]
  Matrix<T> c;           // [m, n], overwritten or added to
  bool accumulate = false;
};

// An epilogue: what a product does before its result is in memory.
template <typename T>
struct Epilogue {
  enum class Kind : std::uint8_t {
    bias,          // [n], added to each row of c
    bias_relu,     // the same, and what is below 0 becomes 0; so may what is not a number
    bias_gradient  // [n], overwritten: the sums of b's columns
  };
  Kind kind = Kind::bias;
  Each<T> bias;
};

// Products of matrices, by cuBLAS.
class Blas {
 public:
  Blas(const Queue& queue, Precision precision);

  template <typename T>
  void multiply(const Product<T>& product) const;

  // Both at once, by cublasLt. False where it has no kernel for that, or NN_CUDA_FUSED=0 is in the
  // environment: nothing was done.
  template <typename T>
  bool multiply(const Product<T>& product, const Epilogue<T>& epilogue) const;

 private:
  cudaStream_t stream_;
  DeviceBlock workspace_;
  Owned<cublasHandle_t, cublasDestroy> handle_;
  std::int64_t members_;
  cublasComputeType_t type_;
  bool fuses_;
};

}  // namespace nn::backend::cuda
