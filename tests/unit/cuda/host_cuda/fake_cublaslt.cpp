// cublasLt as far as the backend uses it: products with an epilogue, members as a strided batch. Whatever it
// is asked that the real one wouldn't take ends the program: the backend would take a refusal for
// "there is no such kernel", and go on.
#include <cublasLt.h>

#include <functional>

#include "host_cuda/product.hpp"

namespace {

using host_cuda::fail;
using host_cuda::on_device;

struct Description {
  cublasComputeType_t type{};
  std::int32_t a_operation = CUBLAS_OP_N, b_operation = CUBLAS_OP_N;
  std::uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  float* bias = nullptr;
  std::int64_t bias_next = 0;
};
struct Layout {
  std::int64_t rows = 0, columns = 0, leading = 0, next = 0;
  std::int32_t count = 1;
};
struct Preference {
  std::uint64_t workspace = 0;
  std::uint32_t alignments[4] = {256, 256, 256, 256};  // of A, B, C and D
};

template <typename T, typename Handle>
T& of(Handle handle) {
  return *reinterpret_cast<T*>(handle);
}
template <typename Handle, typename T>
cublasStatus_t make(Handle* handle, T value) {
  *handle = reinterpret_cast<Handle>(new T(value));
  return CUBLAS_STATUS_SUCCESS;
}
template <typename T, typename Handle>
cublasStatus_t destroy(Handle handle) {
  delete &of<T>(handle);
  return CUBLAS_STATUS_SUCCESS;
}
template <typename T>
cublasStatus_t set(T& field, const void* value, std::size_t size) {
  if (size != sizeof field) fail("an attribute of another size");
  std::memcpy(&field, value, size);
  return CUBLAS_STATUS_SUCCESS;
}

struct Matrices {
  const Layout &a, &b, &c;
};

// Sizes that fit each other.
void check(const Description& d, const Matrices& m) {
  const bool a = d.a_operation == CUBLAS_OP_T, b = d.b_operation == CUBLAS_OP_T;
  const std::int64_t a_rows = a ? m.a.columns : m.a.rows, inner = a ? m.a.rows : m.a.columns;
  const std::int64_t b_rows = b ? m.b.columns : m.b.rows, b_columns = b ? m.b.rows : m.b.columns;
  if (a_rows != m.c.rows || inner != b_rows || b_columns != m.c.columns) fail("matrices that don't fit");
  if (m.a.count != m.c.count || m.b.count != m.c.count) fail("batches of several sizes");
  if (d.epilogue == CUBLASLT_EPILOGUE_BGRADA && a) fail("a bias' gradient of a transposed matrix");
  if (m.c.next == 0 && m.c.count > 1) fail("results in one place");
}

std::int64_t inner_of(const Description& d, const Layout& a) {
  return d.a_operation == CUBLAS_OP_T ? a.rows : a.columns;
}

// What an epilogue does for one of the batch.
void finish(const Description& d, const host_cuda::Product<float>& p, float* bias) {
  for (std::int64_t i = 0; i < p.m; ++i) {
    if (d.epilogue == CUBLASLT_EPILOGUE_BGRADA) {
      bias[i] = 0;
      for (std::int64_t l = 0; l < p.k; ++l) bias[i] += p.a[l * p.a_leading + i];
      continue;
    }
    for (std::int64_t j = 0; j < p.n; ++j) {
      float& out = p.c[j * p.c_leading + i];
      out += bias[i];
      if (d.epilogue == CUBLASLT_EPILOGUE_RELU_BIAS) out = out > 0 ? out : 0;
    }
  }
}

bool aligned(const void* memory, std::int64_t next, std::uint32_t to) {
  return reinterpret_cast<std::uintptr_t>(memory) % to == 0 &&
         static_cast<std::uint64_t>(next) * sizeof(float) % to == 0;
}

}  // namespace

extern "C" {

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* made, cublasComputeType_t type,
                                        cudaDataType_t scale) {
  if (scale != CUDA_R_32F) fail("a product of a type that it hasn't");
  return make(made, Description{type});
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t d) { return destroy<Description>(d); }
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t handle,
                                              cublasLtMatmulDescAttributes_t attribute, const void* value,
                                              std::size_t size) {
  auto& d = of<Description>(handle);
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA: return set(d.a_operation, value, size);
    case CUBLASLT_MATMUL_DESC_TRANSB: return set(d.b_operation, value, size);
    case CUBLASLT_MATMUL_DESC_EPILOGUE: return set(d.epilogue, value, size);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER: return set(d.bias, value, size);
    case CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE: return set(d.bias_next, value, size);
    default: fail("an attribute that products haven't");
  }
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* made, cudaDataType type, std::uint64_t rows,
                                          std::uint64_t columns, std::int64_t leading) {
  if (type != CUDA_R_32F || rows == 0 || columns == 0 || leading < static_cast<std::int64_t>(rows))
    fail("a matrix that can't be");
  return make(made, Layout{static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns), leading});
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t l) { return destroy<Layout>(l); }
cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t handle,
                                                cublasLtMatrixLayoutAttribute_t attribute, const void* value,
                                                std::size_t size) {
  auto& l = of<Layout>(handle);
  switch (attribute) {
    case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT: return set(l.count, value, size);
    case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET: return set(l.next, value, size);
    default: fail("an attribute that matrices haven't");
  }
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* made) {
  return make(made, Preference{});
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t p) {
  return destroy<Preference>(p);
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t handle,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void* value, std::size_t size) {
  auto& p = of<Preference>(handle);
  switch (attribute) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES: return set(p.workspace, value, size);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES: return set(p.alignments[0], value, size);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES: return set(p.alignments[1], value, size);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES: return set(p.alignments[2], value, size);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES: return set(p.alignments[3], value, size);
    default: fail("an attribute that preferences haven't");
  }
}

// The alignments that the kernel relies on go along in it.
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t description,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int wanted,
                                              cublasLtMatmulHeuristicResult_t* results, int* found) {
  if (c != d || wanted != 1) fail("a product in another place");
  check(of<Description>(description), {of<Layout>(a), of<Layout>(b), of<Layout>(c)});
  const Preference& p = of<Preference>(preference);
  *found = host_cuda::has_fused_kernels() ? 1 : 0;
  if (*found == 0) return CUBLAS_STATUS_NOT_SUPPORTED;
  results[0] = {};
  static_assert(sizeof p.alignments <= sizeof results[0].algo);
  std::memcpy(&results[0].algo, p.alignments, sizeof p.alignments);
  results[0].workspaceSize = p.workspace;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t description, const void* alpha,
                              const void* a, cublasLtMatrixLayout_t a_layout, const void* b,
                              cublasLtMatrixLayout_t b_layout, const void* beta, const void* c,
                              cublasLtMatrixLayout_t c_layout, void* d, cublasLtMatrixLayout_t d_layout,
                              const cublasLtMatmulAlgo_t* kernel, void* workspace, std::size_t workspace_size,
                              cudaStream_t stream) {
  const Description e = of<Description>(description);
  const Matrices m{of<Layout>(a_layout), of<Layout>(b_layout), of<Layout>(c_layout)};
  check(e, m);
  std::uint32_t alignments[4];
  std::memcpy(alignments, kernel, sizeof alignments);
  if (!aligned(a, m.a.next, alignments[0]) || !aligned(b, m.b.next, alignments[1]) ||
      !aligned(c, m.c.next, alignments[2]))
    fail("a kernel for matrices that are better aligned");
  if (c != d || c_layout != d_layout || !on_device(workspace, workspace_size))
    fail("a product in another place");
  if (reinterpret_cast<cublasHandle_t>(handle)->stream != stream) fail("a product in another stream");
  if (!host_cuda::chosen(reinterpret_cast<cublasHandle_t>(handle)))
    fail("a product where another device is chosen");
  host_cuda::Product<float> p{e.a_operation == CUBLAS_OP_T,
                              e.b_operation == CUBLAS_OP_T,
                              m.c.rows,
                              m.c.columns,
                              inner_of(e, m.a),
                              static_cast<const float*>(a),
                              m.a.leading,
                              static_cast<const float*>(b),
                              m.b.leading,
                              static_cast<float*>(d),
                              m.c.leading,
                              *static_cast<const float*>(alpha),
                              *static_cast<const float*>(beta),
                              e.type};
  if (!distances_fit(p, m.a.next, m.b.next, m.c.next, m.c.count)) fail("members at a wrong distance");
  float* bias = e.bias;
  for (std::int32_t i = 0; i < m.c.count; ++i) {
    if (!p.in_bounds() || !on_device(bias, static_cast<std::size_t>(p.m) * sizeof(float)))
      fail("a product outside of its memory");
    const cudaError_t error = host_cuda::enqueue(stream, [=] {
      p.run();
      finish(e, p, bias);
    });
    if (error != cudaSuccess) return CUBLAS_STATUS_EXECUTION_FAILED;
    p.a += m.a.next;
    p.b += m.b.next;
    p.c += m.c.next;
    bias += e.bias_next;
  }
  ++host_cuda::counts().fused_products;
  host_cuda::counts().multiplications += p.m * p.n * p.k * m.c.count;
  return CUBLAS_STATUS_SUCCESS;
}

}  // extern "C"
