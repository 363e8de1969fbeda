// Products as cuBLAS makes them, with plain loops over column-major matrices.
#include <cublas_v2.h>

#include <cstdint>
#include <cstring>

#include "host_cuda/fake_runtime.hpp"

struct cublasContext {
  int device = host_cuda::chosen_device();
  cudaStream_t stream = nullptr;
  void* workspace = nullptr;
};

namespace {

using host_cuda::on_device;

// What is left of a float's mantissa where products have fewer bits.
float rounded(float value, int bits) {
  std::uint32_t word = 0;
  std::memcpy(&word, &value, sizeof word);
  const std::uint32_t lost = 23 - static_cast<std::uint32_t>(bits);
  word += (1u << (lost - 1)) - 1 + (word >> lost & 1);
  word &= ~((1u << lost) - 1);
  std::memcpy(&value, &word, sizeof word);
  return value;
}
float as_multiplied(float value, cublasComputeType_t type) {
  if (type == CUBLAS_COMPUTE_32F_FAST_TF32) return rounded(value, 10);
  if (type == CUBLAS_COMPUTE_32F_FAST_16BF) return rounded(value, 7);
  return value;
}
double as_multiplied(double value, cublasComputeType_t) { return value; }

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
bool chosen(cublasHandle_t handle) { return handle->device == host_cuda::chosen_device(); }

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

template <typename T>
cublasStatus_t multiply(cublasHandle_t handle, Product<T> p, std::int64_t a_next, std::int64_t b_next,
                        std::int64_t c_next, std::int64_t count) {
  const std::lock_guard lock(host_cuda::one_at_a_time());
  if (!in_one_piece(p.a, a_next, count) || !in_one_piece(p.b, b_next, count) ||
      !in_one_piece(p.c, c_next, count) || p.c_leading < 1 || !results_apart(p, c_next, count))
    return CUBLAS_STATUS_INVALID_VALUE;
  for (std::int64_t i = 0; i < count; ++i) {
    if (!p.in_bounds()) return CUBLAS_STATUS_INVALID_VALUE;
    if (host_cuda::enqueue(handle->stream, [p] { p.run(); }) != cudaSuccess)
      return CUBLAS_STATUS_EXECUTION_FAILED;
    p.a += a_next;
    p.b += b_next;
    p.c += c_next;
  }
  ++host_cuda::counts().products;
  return CUBLAS_STATUS_SUCCESS;
}

}  // namespace

extern "C" {

cublasStatus_t cublasCreate_v2(cublasHandle_t* handle) {
  *handle = new cublasContext;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasDestroy_v2(cublasHandle_t handle) {
  if (!chosen(handle)) host_cuda::fail("a handle is given back where another device is chosen");
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream) {
  if (!chosen(handle)) return CUBLAS_STATUS_EXECUTION_FAILED;
  handle->stream = stream;
  handle->workspace = nullptr;  // as cuBLAS does
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t handle, void* workspace, std::size_t size) {
  if (!chosen(handle)) return CUBLAS_STATUS_EXECUTION_FAILED;
  if (!on_device(workspace, size)) return CUBLAS_STATUS_INVALID_VALUE;
  handle->workspace = workspace;
  return CUBLAS_STATUS_SUCCESS;
}
const char* cublasGetStatusString(cublasStatus_t status) {
  return status == CUBLAS_STATUS_SUCCESS            ? "success"
         : status == CUBLAS_STATUS_EXECUTION_FAILED ? "the device failed"
                                                    : "an argument is wrong";
}

cublasStatus_t cublasGemmStridedBatchedEx_64(cublasHandle_t handle, cublasOperation_t a_operation,
                                             cublasOperation_t b_operation, std::int64_t m, std::int64_t n,
                                             std::int64_t k, const void* alpha, const void* a,
                                             cudaDataType a_type, std::int64_t a_leading, long long a_next,
                                             const void* b, cudaDataType b_type, std::int64_t b_leading,
                                             long long b_next, const void* beta, void* c, cudaDataType c_type,
                                             std::int64_t c_leading, long long c_next, std::int64_t count,
                                             cublasComputeType_t type, cublasGemmAlgo_t) {
  if (m < 1 || n < 1 || k < 1 || count < 1 || a_type != b_type || a_type != c_type) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  if (!chosen(handle)) return CUBLAS_STATUS_EXECUTION_FAILED;
  // Without a workspace of its own a captured product would allocate one.
  if (handle->workspace == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  const bool a_transposed = a_operation == CUBLAS_OP_T, b_transposed = b_operation == CUBLAS_OP_T;
  const auto run = [&]<typename T>(T) {
    return multiply<T>(handle,
                       {a_transposed, b_transposed, m, n, k, static_cast<const T*>(a), a_leading,
                        static_cast<const T*>(b), b_leading, static_cast<T*>(c), c_leading,
                        *static_cast<const T*>(alpha), *static_cast<const T*>(beta), type},
                       a_next, b_next, c_next, count);
  };
  if (a_type == CUDA_R_64F) return type == CUBLAS_COMPUTE_64F ? run(double{}) : CUBLAS_STATUS_NOT_SUPPORTED;
  return a_type == CUDA_R_32F ? run(float{}) : CUBLAS_STATUS_NOT_SUPPORTED;
}

}  // extern "C"
