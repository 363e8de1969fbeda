#include "backend/cuda/blas.hpp"

#include <cublasLt.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <type_traits>

namespace nn::backend::cuda {
namespace {

constexpr std::size_t workspace_bytes = 32 << 20;  // what cuBLAS recommends for the largest devices

bool epilogues_wanted() {
  const char* value = std::getenv("NN_CUDA_FUSED");
  return value == nullptr || std::string_view(value) != "0";
}

using Description = Owned<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>;
using Layout = Owned<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;
using Preference = Owned<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>;

template <auto set_attribute, typename Handle, typename Attribute, typename Value>
void set(const Handle& handle, Attribute attribute, const Value& value) {
  check(set_attribute(handle.get(), attribute, &value, sizeof value), "describing a product");
}
template <typename Value>
void set(const Description& d, cublasLtMatmulDescAttributes_t attribute, const Value& value) {
  set<cublasLtMatmulDescSetAttribute>(d, attribute, value);
}
template <typename Value>
void set(const Layout& l, cublasLtMatrixLayoutAttribute_t attribute, const Value& value) {
  set<cublasLtMatrixLayoutSetAttribute>(l, attribute, value);
}
template <typename Value>
void set(const Preference& p, cublasLtMatmulPreferenceAttributes_t attribute, const Value& value) {
  set<cublasLtMatmulPreferenceSetAttribute>(p, attribute, value);
}

cublasLtEpilogue_t epilogue_of(Epilogue<float>::Kind kind) {
  switch (kind) {
    case Epilogue<float>::Kind::bias: return CUBLASLT_EPILOGUE_BIAS;
    case Epilogue<float>::Kind::bias_relu: return CUBLASLT_EPILOGUE_RELU_BIAS;
    case Epilogue<float>::Kind::bias_gradient: return CUBLASLT_EPILOGUE_BGRADA;  // our b is its A
  }
  return CUBLASLT_EPILOGUE_DEFAULT;
}

template <typename T>
cublasOperation_t operation_of(const Matrix<T>& m) {
  return m.transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
}

Description describe(const Product<float>& p, const Epilogue<float>& e, cublasComputeType_t type) {
  cublasLtMatmulDesc_t made = nullptr;
  check(cublasLtMatmulDescCreate(&made, type, CUDA_R_32F), "describing a product");
  Description description(made);
  set(description, CUBLASLT_MATMUL_DESC_TRANSA, operation_of(p.b));
  set(description, CUBLASLT_MATMUL_DESC_TRANSB, operation_of(p.a));
  set(description, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue_of(e.kind));
  const void* const bias = e.bias.data;
  set(description, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
  set(description, CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE, e.bias.next);
  return description;
}

// Describes a matrix that is [rows, columns] to the product.
template <typename T>
Layout layout_of(const Matrix<T>& m, std::int64_t rows, std::int64_t columns, std::int64_t members) {
  if (m.transposed) std::swap(rows, columns);
  cublasLtMatrixLayout_t made = nullptr;
  check(cublasLtMatrixLayoutCreate(&made, CUDA_R_32F, static_cast<std::uint64_t>(columns),
                                   static_cast<std::uint64_t>(rows), m.row),
        "describing a matrix");
  Layout layout(made);
  set(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, static_cast<std::int32_t>(members));
  set(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, m.data.next);
  return layout;
}

// The alignment that kernels may rely on, for the first member's matrix and for all others.
template <typename T>
std::uint32_t alignment_of(const Matrix<T>& m) {
  constexpr std::uint64_t most = 256;
  const std::uint64_t bits = reinterpret_cast<std::uintptr_t>(m.data.data) |
                             static_cast<std::uint64_t>(m.data.next) * sizeof(T) | most;
  return static_cast<std::uint32_t>(bits & -bits);
}

Preference preference_for(const Product<float>& p) {
  cublasLtMatmulPreference_t made = nullptr;
  check(cublasLtMatmulPreferenceCreate(&made), "describing a product");
  Preference preference(made);
  set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspace_bytes);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment_of(p.b));
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment_of(p.a));
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment_of(p.c));
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment_of(p.c));
  return preference;
}

}  // namespace

Blas::Blas(const Queue& queue, Precision precision)
    : stream_(queue.stream),
      members_(queue.members),
      type_(precision == Precision::bf16   ? CUBLAS_COMPUTE_32F_FAST_16BF
            : precision == Precision::tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32
                                           : CUBLAS_COMPUTE_32F),
      fuses_(epilogues_wanted()) {
  cublasHandle_t handle = nullptr;
  check(cublasCreate(&handle), "starting");
  handle_ = Owned<cublasHandle_t, cublasDestroy>(handle);
  check(cublasSetStream(handle, queue.stream), "choosing a stream");
  // Its own would be allocated while a graph is recorded.
  void* workspace = nullptr;
  check(cudaMalloc(&workspace, workspace_bytes), "taking memory for products");
  workspace_ = DeviceBlock(workspace);
  check(cublasSetWorkspace(handle, workspace, workspace_bytes), "choosing a workspace");
}

// A row-major matrix is the transposed column-major one, and c^T = b^T a^T. One call is for all
// members, or for all matrices of one, which makes fewer.
template <typename T>
void Blas::multiply(const Product<T>& p) const {
  constexpr bool is_float = sizeof(T) == sizeof(float);
  constexpr cudaDataType type = is_float ? CUDA_R_32F : CUDA_R_64F;
  const T one = 1, factor = p.accumulate ? one : T{0};
  const bool members_at_once = p.count <= members_;
  const std::int64_t at_once = members_at_once ? members_ : p.count;
  const auto next = [&](const auto& m) { return members_at_once ? m.data.next : m.next; };
  for (std::int64_t i = 0; i < (members_at_once ? p.count : members_); ++i) {
    const auto data = [&](const auto& m) {
      return m.data.data + i * (members_at_once ? m.next : m.data.next);
    };
    check(cublasGemmStridedBatchedEx_64(handle_.get(), operation_of(p.b), operation_of(p.a), p.n, p.m, p.k,
                                        &one, data(p.b), type, p.b.row, next(p.b), data(p.a), type, p.a.row,
                                        next(p.a), &factor, data(p.c), type, p.c.row, next(p.c), at_once,
                                        is_float ? type_ : CUBLAS_COMPUTE_64F, CUBLAS_GEMM_DEFAULT),
          fmt::format("the product of [{}, {}] and [{}, {}]", p.m, p.k, p.k, p.n));
  }
}

template void Blas::multiply(const Product<float>&) const;
template void Blas::multiply(const Product<double>&) const;  // gradients are checked in it

// Descriptions live for a call only: steps are recorded once.
template <typename T>
bool Blas::multiply(const Product<T>& p, const Epilogue<T>& e) const {
  if constexpr (std::is_same_v<T, float>) {
    if (!fuses_ || p.count > 1) return false;
    // "Any valid cublasHandle_t can be used in place of cublasLtHandle_t" (cuBLAS, section 3.1.1).
    const auto handle = reinterpret_cast<cublasLtHandle_t>(handle_.get());
    const Description description = describe(p, e, type_);
    const Layout a = layout_of(p.b, p.k, p.n, members_), b = layout_of(p.a, p.m, p.k, members_);
    const Layout c = layout_of(p.c, p.m, p.n, members_);
    cublasLtMatmulHeuristicResult_t kernel{};
    int found = 0;
    const cublasStatus_t answer =
        cublasLtMatmulAlgoGetHeuristic(handle, description.get(), a.get(), b.get(), c.get(), c.get(),
                                       preference_for(p).get(), 1, &kernel, &found);
    if (answer == CUBLAS_STATUS_NOT_SUPPORTED || answer == CUBLAS_STATUS_INVALID_VALUE) return false;
    check(answer, "choosing a kernel for a product");
    if (found == 0) return false;
    const float one = 1, factor = p.accumulate ? 1 : 0;
    const cublasStatus_t done =
        cublasLtMatmul(handle, description.get(), &one, p.b.data.data, a.get(), p.a.data.data, b.get(),
                       &factor, p.c.data.data, c.get(), p.c.data.data, c.get(), &kernel.algo,
                       workspace_.get(), workspace_bytes, stream_);
    if (done == CUBLAS_STATUS_NOT_SUPPORTED) return false;
    check(done, fmt::format("the product of [{}, {}] and [{}, {}]", p.m, p.k, p.k, p.n));
    return true;
  } else {
    return false;
  }
}

template bool Blas::multiply(const Product<float>&, const Epilogue<float>&) const;
template bool Blas::multiply(const Product<double>&, const Epilogue<double>&) const;

}  // namespace nn::backend::cuda
