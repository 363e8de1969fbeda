#include "host_cuda/fake_runtime.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
  #include <sanitizer/asan_interface.h>
#endif

using Work = std::function<void()>;

struct CUgraph_st {
  std::vector<Work> works;
};
struct CUgraphExec_st {
  std::vector<Work> works;
};
struct CUstream_st {
  std::deque<Work> queue;
  std::unique_ptr<CUgraph_st> capture;

  void run_all() {
    while (!queue.empty()) {
      const Work work = std::move(queue.front());
      queue.pop_front();
      work();
    }
  }
};
struct CUevent_st {
  bool pending = false;  // recorded, and not reached yet
  CUstream_st* stream = nullptr;
};

namespace {

constexpr std::size_t guard = 64;          // bytes on both sides of an allocation, which nobody may write
constexpr unsigned char poison = 0xFF;     // floats of it are NaN
constexpr std::size_t poisoned = 1 << 20;  // of larger ones, both ends

struct Allocation {
  std::size_t size = 0;
  bool device = false;
};

std::map<const char*, Allocation>& allocations() {
  static std::map<const char*, Allocation> all;
  return all;
}
std::set<CUstream_st*>& streams() {
  static std::set<CUstream_st*> all;
  return all;
}

CUstream_st& of(cudaStream_t stream) {
  if (streams().count(stream) == 0) host_cuda::fail("a stream that isn't there");
  return *stream;
}

const Allocation* find(const void* memory, std::size_t size) {
  const auto* p = static_cast<const char*>(memory);
  auto next = allocations().upper_bound(p);
  if (next == allocations().begin()) return nullptr;
  --next;
  return p + size <= next->first + next->second.size ? &next->second : nullptr;
}

// AddressSanitizer watches them where it is there, reads too.
void hide_guards([[maybe_unused]] const char* memory, [[maybe_unused]] std::size_t size) {
#if defined(__SANITIZE_ADDRESS__)
  __asan_poison_memory_region(memory - guard, guard);
  __asan_poison_memory_region(memory + size, guard);
#endif
}

void show_guards([[maybe_unused]] const char* memory, [[maybe_unused]] std::size_t size) {
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(memory - guard, size + 2 * guard);
#endif
}

void check_guards(const char* memory, std::size_t size) {
  show_guards(memory, size);
  for (std::size_t i = 0; i < guard; ++i) {
    const auto before = static_cast<unsigned char>(memory[-1 - static_cast<std::ptrdiff_t>(i)]);
    const auto behind = static_cast<unsigned char>(memory[size + i]);
    if (before != poison || behind != poison) host_cuda::fail("memory outside of an allocation was written");
  }
  hide_guards(memory, size);
}

void check_all_guards() {
  for (const auto& [memory, allocation] : allocations()) check_guards(memory, allocation.size);
}

bool recording() {
  return std::any_of(streams().begin(), streams().end(),
                     [](CUstream_st* s) { return s->capture != nullptr; });
}

cudaError_t allocate(void** memory, std::size_t size, bool device) {
  if (recording()) return cudaErrorStreamCaptureUnsupported;
  auto* block = static_cast<char*>(std::malloc(size + 2 * guard));
  if (block == nullptr) return cudaErrorMemoryAllocation;
  char* inside = block + guard;
  std::memset(block, poison, guard + std::min(size, poisoned));
  std::memset(inside + size - std::min(size, poisoned), poison, guard + std::min(size, poisoned));
  hide_guards(inside, size);
  allocations()[inside] = {size, device};
  host_cuda::counts().allocations += device;
  *memory = inside;
  return cudaSuccess;
}

cudaError_t release(void* memory, bool device) {
  if (memory == nullptr) return cudaSuccess;
  const auto found = allocations().find(static_cast<char*>(memory));
  if (found == allocations().end() || found->second.device != device) return cudaErrorInvalidValue;
  for (CUstream_st* stream : streams()) stream->run_all();
  check_guards(found->first, found->second.size);
  show_guards(found->first, found->second.size);
  allocations().erase(found);
  std::free(static_cast<char*>(memory) - guard);
  return cudaSuccess;
}

}  // namespace

namespace host_cuda {

void fail(const char* what) {
  std::fprintf(stderr, "host CUDA: %s\n", what);
  std::abort();
}

void enqueue(cudaStream_t stream, Work work) {
  CUstream_st& s = of(stream);
  if (s.capture != nullptr) {
    s.capture->works.push_back(std::move(work));
  } else {
    s.queue.push_back(std::move(work));
  }
}

bool on_device(const void* memory, std::size_t size) {
  const Allocation* allocation = find(memory, size);
  return allocation != nullptr && allocation->device;
}

Counts& counts() {
  static Counts instance;
  return instance;
}

bool& has_fused_kernels() {
  static bool has = true;
  return has;
}

}  // namespace host_cuda

using namespace host_cuda;

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) { return device == 0 ? cudaSuccess : cudaErrorInvalidDevice; }
const char* cudaGetErrorString(cudaError_t error) { return error == cudaSuccess ? "no error" : "an error"; }

cudaError_t cudaMalloc(void** memory, std::size_t size) { return allocate(memory, size, true); }
cudaError_t cudaFree(void* memory) { return release(memory, true); }
cudaError_t cudaMallocHost(void** memory, std::size_t size) { return allocate(memory, size, false); }
cudaError_t cudaFreeHost(void* memory) { return release(memory, false); }

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* all) {
  *free = *all = std::size_t{16} << 30;
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = new CUstream_st;
  streams().insert(*stream);
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  of(stream).run_all();
  streams().erase(stream);
  delete stream;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (of(stream).capture != nullptr) return cudaErrorStreamCaptureUnsupported;
  ++counts().waits;
  stream->run_all();
  check_all_guards();
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new CUevent_st;
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  if (event->pending) event->stream->run_all();
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  if (of(stream).capture != nullptr) return cudaErrorStreamCaptureUnsupported;
  event->pending = true;
  event->stream = stream;
  enqueue(stream, [event] { event->pending = false; });
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  while (event->pending) event->stream->run_all();
  return cudaSuccess;
}

// Copies from pageable memory are staged by the driver before the call returns; none is made
// by the backend, which has pinned memory for all of them.
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t size, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  const Allocation *target = find(to, size), *source = find(from, size);
  if (target == nullptr || source == nullptr) return cudaErrorInvalidValue;
  const bool good = kind == cudaMemcpyHostToDevice   ? target->device && !source->device
                    : kind == cudaMemcpyDeviceToHost ? !target->device && source->device
                                                     : target->device && source->device;
  if (!good ||
      (kind != cudaMemcpyHostToDevice && kind != cudaMemcpyDeviceToHost && kind != cudaMemcpyDeviceToDevice))
    return cudaErrorInvalidMemcpyDirection;
  if (kind == cudaMemcpyHostToDevice) counts().bytes_to_device += size;
  enqueue(stream, [=] { std::memcpy(to, from, size); });
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* memory, int value, std::size_t size, cudaStream_t stream) {
  if (!on_device(memory, size)) return cudaErrorInvalidValue;
  enqueue(stream, [=] { std::memset(memory, value, size); });
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  CUstream_st& s = of(stream);
  if (s.capture != nullptr) return cudaErrorIllegalState;
  s.capture = std::make_unique<CUgraph_st>();
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  CUstream_st& s = of(stream);
  if (s.capture == nullptr) return cudaErrorIllegalState;
  *graph = s.capture.release();
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
  *executable = new CUgraphExec_st{graph->works};
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  ++counts().graph_launches;
  for (const Work& work : executable->works) enqueue(stream, work);
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  delete executable;
  return cudaSuccess;
}

}  // extern "C"
