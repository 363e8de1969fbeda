// Products as cuBLAS makes them, with plain loops over column-major matrices.
#include <cublas_v2.h>

#include "host_cuda/product.hpp"

namespace {

using host_cuda::chosen;
using host_cuda::on_device;
using host_cuda::Product;

template <typename T>
cublasStatus_t multiply(cublasHandle_t handle, Product<T> p, std::int64_t a_next, std::int64_t b_next,
                        std::int64_t c_next, std::int64_t count) {
  const std::lock_guard lock(host_cuda::one_at_a_time());
  if (!distances_fit(p, a_next, b_next, c_next, count)) return CUBLAS_STATUS_INVALID_VALUE;
  for (std::int64_t i = 0; i < count; ++i) {
    if (!p.in_bounds()) return CUBLAS_STATUS_INVALID_VALUE;
    if (host_cuda::enqueue(handle->stream, [p] { p.run(); }) != cudaSuccess)
      return CUBLAS_STATUS_EXECUTION_FAILED;
    p.a += a_next;
    p.b += b_next;
    p.c += c_next;
  }
  ++host_cuda::counts().products;
  host_cuda::counts().multiplications += p.m * p.n * p.k * count;
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
