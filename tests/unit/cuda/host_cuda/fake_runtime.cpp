#include "host_cuda/fake_runtime.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "host_cuda/fake_devices.hpp"

using Work = std::function<void()>;

// What is made on a device stays there.
struct Placed {
  int device = host_cuda::chosen_device();
};

struct CUgraph_st : Placed {
  std::vector<Work> works;
};
struct CUgraphExec_st : Placed {
  std::vector<Work> works;
};
struct CUstream_st : Placed {
  std::deque<Work> queue;
  std::unique_ptr<CUgraph_st> capture;
  std::thread::id capturing;  // whose calls are recorded

  void run_all() {
    if (host_cuda::state_of(device) != cudaSuccess) queue.clear();
    while (!queue.empty()) {
      const Work work = std::move(queue.front());
      queue.pop_front();
      work();
    }
  }
};
struct CUevent_st : Placed {
  bool pending = false;  // recorded, and not reached yet
  CUstream_st* stream = nullptr;
};

using namespace host_cuda;

namespace {

std::set<CUstream_st*>& streams() {
  static std::set<CUstream_st*> all;
  return all;
}

CUstream_st& of(cudaStream_t stream) {
  if (streams().count(stream) == 0) host_cuda::fail("a stream that isn't there");
  return *stream;
}

// By this thread; others may take memory meanwhile.
bool recording() {
  return std::any_of(streams().begin(), streams().end(), [](CUstream_st* s) {
    return s->capture != nullptr && s->capturing == std::this_thread::get_id();
  });
}

// A call to the device that the thread has chosen.
template <typename F>
cudaError_t call(F f) {
  const std::lock_guard lock(one_at_a_time());
  const cudaError_t state = state_of(chosen_device());
  return state != cudaSuccess ? state : f();
}

// One about something that has to be of this device.
template <typename F>
cudaError_t call_on(const Placed& placed, F f) {
  return call([&] { return placed.device == chosen_device() ? f() : cudaErrorInvalidResourceHandle; });
}

// One that gives something back, which it does in any case. CUDA would start the chosen device for
// what is of another one, with some hundred MiB of its memory.
template <typename F>
cudaError_t dispose(const Placed& placed, F f) {
  const std::lock_guard lock(one_at_a_time());
  if (placed.device != on_host && placed.device != chosen_device())
    fail("something of a device is given back where another one is chosen");
  const cudaError_t error = f();
  const cudaError_t state = state_of(chosen_device());
  return state != cudaSuccess ? state : error;
}

cudaError_t take(void** memory, std::size_t size, int device) {
  return call(
      [&] { return recording() ? cudaErrorStreamCaptureUnsupported : allocate(memory, size, device); });
}

// Waits for what may use it.
cudaError_t give_back(void* memory, bool of_device) {
  if (memory == nullptr) return cudaSuccess;
  const std::lock_guard lock(one_at_a_time());
  const Placed placed{place_of(memory, 1).device};
  return dispose(placed, [&] {
    for (CUstream_st* stream : streams()) {
      if (!of_device || stream->device == placed.device) stream->run_all();
    }
    return release(memory, of_device);
  });
}

std::optional<cudaMemcpyKind> kind_of(const void* to, const void* from, std::size_t size) {
  const Place target = place_of(to, size), source = place_of(from, size);
  if (!target.found || !source.found) return {};
  for (const Place& place : {target, source}) {
    if (place.device != on_host && place.device != chosen_device()) return {};
  }
  if (target.device == on_host)
    return source.device == on_host ? cudaMemcpyHostToHost : cudaMemcpyDeviceToHost;
  return source.device == on_host ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToDevice;
}

}  // namespace

namespace host_cuda {

void fail(const char* what) {
  std::fprintf(stderr, "host CUDA: %s\n", what);
  std::abort();
}

cudaError_t enqueue(cudaStream_t stream, Work work) {
  const std::lock_guard lock(one_at_a_time());
  CUstream_st& s = of(stream);
  return call_on(s, [&] {
    if (s.capture != nullptr) {
      s.capture->works.push_back(std::move(work));
    } else {
      s.queue.push_back(std::move(work));
    }
    return cudaSuccess;
  });
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

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
  *count = device_count();
  return *count > 0 ? cudaSuccess : cudaErrorNoDevice;
}
cudaError_t cudaSetDevice(int device) {
  const std::lock_guard lock(one_at_a_time());
  return choose_device(device);
}
cudaError_t cudaGetDevice(int* device) {
  *device = chosen_device();
  return cudaSuccess;
}
const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return "no error";
    case cudaErrorMemoryAllocation: return "out of memory";
    case cudaErrorIllegalAddress: return "an illegal memory access was encountered";
    case cudaErrorDevicesUnavailable: return "CUDA-capable device(s) is/are busy or unavailable";
    default: return "an error";
  }
}

cudaError_t cudaMalloc(void** memory, std::size_t size) { return take(memory, size, chosen_device()); }
cudaError_t cudaFree(void* memory) { return give_back(memory, true); }
cudaError_t cudaMallocHost(void** memory, std::size_t size) { return take(memory, size, on_host); }
cudaError_t cudaFreeHost(void* memory) { return give_back(memory, false); }
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  return call([&] {
    *free = free_memory(chosen_device());
    *total = total_memory();
    return cudaSuccess;
  });
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  return call([&] {
    *stream = new CUstream_st;
    streams().insert(*stream);
    return cudaSuccess;
  });
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const std::lock_guard lock(one_at_a_time());
  return dispose(of(stream), [&] {
    stream->run_all();
    streams().erase(stream);
    delete stream;
    return cudaSuccess;
  });
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const std::lock_guard lock(one_at_a_time());
  return call_on(of(stream), [&] {
    if (stream->capture != nullptr) return cudaErrorStreamCaptureUnsupported;
    const cudaError_t found = wait_for(stream->device);
    stream->run_all();
    check_all_guards();
    return found;
  });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  return call([&] {
    *event = new CUevent_st;
    return cudaSuccess;
  });
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return dispose(*event, [&] {
    if (event->pending && state_of(event->device) == cudaSuccess) event->stream->run_all();
    delete event;
    return cudaSuccess;
  });
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return call_on(*event, [&] {
    if (of(stream).capture != nullptr) return cudaErrorStreamCaptureUnsupported;
    event->pending = true;
    event->stream = stream;
    return enqueue(stream, [event] { event->pending = false; });
  });
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return call_on(*event, [&] {
    if (event->pending) event->stream->run_all();
    return cudaSuccess;
  });
}

// Copies from pageable memory are staged by the driver before the call returns; none is made
// by the backend, which has pinned memory for all of them.
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t size, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return call([&] {
    const auto found = kind_of(to, from, size);
    if (!found) return cudaErrorInvalidValue;
    if (*found != kind || kind == cudaMemcpyHostToHost) return cudaErrorInvalidMemcpyDirection;
    if (kind == cudaMemcpyHostToDevice) counts().bytes_to_device += size;
    return enqueue(stream, [=] { std::memcpy(to, from, size); });
  });
}
cudaError_t cudaMemsetAsync(void* memory, int value, std::size_t size, cudaStream_t stream) {
  return call([&] {
    if (!on_device(memory, size)) return cudaErrorInvalidValue;
    return enqueue(stream, [=] { std::memset(memory, value, size); });
  });
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  const std::lock_guard lock(one_at_a_time());
  return call_on(of(stream), [&] {
    if (stream->capture != nullptr) return cudaErrorIllegalState;
    stream->capture = std::make_unique<CUgraph_st>();
    stream->capturing = std::this_thread::get_id();
    return cudaSuccess;
  });
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const std::lock_guard lock(one_at_a_time());
  return call_on(of(stream), [&] {
    if (stream->capture == nullptr) return cudaErrorIllegalState;
    *graph = stream->capture.release();
    return cudaSuccess;
  });
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
  return call_on(*graph, [&] {
    *executable = new CUgraphExec_st{*graph, graph->works};
    return cudaSuccess;
  });
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  return call_on(*executable, [&] {
    ++counts().graph_launches;
    cudaError_t error = cudaSuccess;
    for (const Work& work : executable->works) error = error == cudaSuccess ? enqueue(stream, work) : error;
    return error;
  });
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  return dispose(*graph, [&] {
    delete graph;
    return cudaSuccess;
  });
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  return dispose(*executable, [&] {
    delete executable;
    return cudaSuccess;
  });
}

}  // extern "C"
