#include "backend/cuda/runtime.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/error.hpp"

namespace nn::cuda {
namespace {

constexpr std::size_t workspace_bytes = 32 << 20;  // what cuBLAS recommends for the largest devices
constexpr std::size_t transfer_bytes = 8 << 20;

}  // namespace

Stream make_stream() {
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream");
  return Stream(stream);
}

Event make_event() {
  cudaEvent_t event = nullptr;
  check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "making an event");
  return Event(event);
}

PinnedBlock make_pinned(std::size_t bytes) {
  void* memory = nullptr;
  check(cudaMallocHost(&memory, bytes), "taking memory for transfers");
  return PinnedBlock(memory);
}

void* Arena::take_bytes(std::int64_t members, std::int64_t each, std::size_t element) {
  constexpr std::int64_t most = INT64_MAX / 64;
  std::int64_t count = 0;
  if (__builtin_mul_overflow(members, each, &count)) count = -1;
  if (count == 0) return nullptr;
  if (count < 0 || count > most) fail(ErrorKind::unsupported, "the network doesn't fit into memory");
  const std::size_t bytes = static_cast<std::size_t>(count) * element;
  void* memory = nullptr;
  check(cudaMalloc(&memory, bytes), fmt::format("taking {} bytes of device memory", bytes));
  blocks_.emplace_back(memory);
  check(cudaMemsetAsync(memory, 0, bytes, stream_), "clearing memory");
  return memory;
}

void wait(cudaStream_t stream) { check(cudaStreamSynchronize(stream), "computing"); }

void upload_bytes(cudaStream_t stream, const void* from, std::size_t bytes, void* to) {
  if (bytes == 0) return;
  const PinnedBlock block = make_pinned(std::min(bytes, transfer_bytes));
  for (std::size_t first = 0; first < bytes; first += transfer_bytes) {
    const std::size_t size = std::min(bytes - first, transfer_bytes);
    std::memcpy(block.get(), static_cast<const char*>(from) + first, size);
    check(cudaMemcpyAsync(static_cast<char*>(to) + first, block.get(), size, cudaMemcpyHostToDevice, stream),
          "copying to the device");
    wait(stream);
  }
}

void download_bytes(cudaStream_t stream, const void* from, std::size_t bytes, void* to) {
  if (bytes == 0) return;
  const PinnedBlock block = make_pinned(std::min(bytes, transfer_bytes));
  for (std::size_t first = 0; first < bytes; first += transfer_bytes) {
    const std::size_t size = std::min(bytes - first, transfer_bytes);
    check(cudaMemcpyAsync(block.get(), static_cast<const char*>(from) + first, size, cudaMemcpyDeviceToHost,
                          stream),
          "copying from the device");
    wait(stream);
    std::memcpy(static_cast<char*>(to) + first, block.get(), size);
  }
}

Blas::Blas(const Queue& queue, Precision precision)
    : members_(queue.members),
      type_(precision == Precision::bf16   ? CUBLAS_COMPUTE_32F_FAST_16BF
            : precision == Precision::tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32
                                           : CUBLAS_COMPUTE_32F) {
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
  const auto operation = [](const Matrix<const T>& m) { return m.transposed ? CUBLAS_OP_T : CUBLAS_OP_N; };
  const bool members_at_once = p.count <= members_;
  const std::int64_t at_once = members_at_once ? members_ : p.count;
  const auto next = [&](const auto& m) { return members_at_once ? m.data.next : m.next; };
  for (std::int64_t i = 0; i < (members_at_once ? p.count : members_); ++i) {
    const auto data = [&](const auto& m) {
      return m.data.data + i * (members_at_once ? m.next : m.data.next);
    };
    check(cublasGemmStridedBatchedEx_64(handle_.get(), operation(p.b), operation(p.a), p.n, p.m, p.k, &one,
                                        data(p.b), type, p.b.row, next(p.b), data(p.a), type, p.a.row,
                                        next(p.a), &factor, data(p.c), type, p.c.row, next(p.c), at_once,
                                        is_float ? type_ : CUBLAS_COMPUTE_64F, CUBLAS_GEMM_DEFAULT),
          fmt::format("the product of [{}, {}] and [{}, {}]", p.m, p.k, p.k, p.n));
  }
}

template void Blas::multiply(const Product<float>&) const;
template void Blas::multiply(const Product<double>&) const;  // gradients are checked in it

void Graph::run(cudaStream_t stream, const std::function<void()>& work) {
  if (!std::exchange(ran_, true)) return work();
  if (executable_.get() == nullptr) {
    check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "recording a graph");
    work();
    cudaGraph_t graph = nullptr;
    check(cudaStreamEndCapture(stream, &graph), "recording a graph");
    const Owned<cudaGraph_t, cudaGraphDestroy> recorded(graph);
    cudaGraphExec_t executable = nullptr;
    check(cudaGraphInstantiate(&executable, graph, 0), "preparing a graph");
    executable_ = Owned<cudaGraphExec_t, cudaGraphExecDestroy>(executable);
  }
  check(cudaGraphLaunch(executable_.get(), stream), "starting a graph");
}

}  // namespace nn::cuda
