#include "backend/cuda/runtime.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/error.hpp"

namespace nn::backend::cuda {
namespace {

constexpr std::size_t most_transfer_bytes = 8 << 20;

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

std::size_t free_memory() {
  std::size_t free = 0, all = 0;
  check(cudaMemGetInfo(&free, &all), "asking for free memory");
  return free;
}

void* Arena::take_bytes(std::int64_t members, std::int64_t each, std::size_t element) {
  std::int64_t count = 0;
  if (__builtin_mul_overflow(members, each, &count)) count = -1;
  if (count == 0) return nullptr;
  if (count < 0 || count > most_elements) fail(ErrorKind::unsupported, "the network doesn't fit into memory");
  const std::size_t bytes = static_cast<std::size_t>(count) * element;
  void* memory = nullptr;
  check(cudaMalloc(&memory, bytes), fmt::format("taking {} bytes of device memory", bytes));
  blocks_.emplace_back(memory);
  check(cudaMemsetAsync(memory, 0, bytes, stream_), "clearing memory");
  return memory;
}

void wait(cudaStream_t stream) { check(cudaStreamSynchronize(stream), "computing"); }

Transfer::Transfer(std::size_t bytes) : size_(std::clamp<std::size_t>(bytes, 64, most_transfer_bytes)) {
  block_ = make_pinned(size_);
}

void Transfer::upload(cudaStream_t stream, const void* from, std::size_t bytes, void* to) const {
  for (std::size_t first = 0; first < bytes; first += size_) {
    const std::size_t size = std::min(bytes - first, size_);
    std::memcpy(block_.get(), static_cast<const char*>(from) + first, size);
    check(cudaMemcpyAsync(static_cast<char*>(to) + first, block_.get(), size, cudaMemcpyHostToDevice, stream),
          "copying to the device");
    wait(stream);
  }
}

void Transfer::download(cudaStream_t stream, const void* from, std::size_t bytes, void* to) const {
  for (std::size_t first = 0; first < bytes; first += size_) {
    const std::size_t size = std::min(bytes - first, size_);
    check(cudaMemcpyAsync(block_.get(), static_cast<const char*>(from) + first, size, cudaMemcpyDeviceToHost,
                          stream),
          "copying from the device");
    wait(stream);
    std::memcpy(static_cast<char*>(to) + first, block_.get(), size);
  }
}

void Graph::run(cudaStream_t stream, const std::function<void()>& work) {
  if (executable_.get() != nullptr) {
    check(cudaGraphLaunch(executable_.get(), stream), "starting a graph");
    return;
  }
  work();
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "recording a graph");
  cudaGraph_t graph = nullptr;
  try {
    work();
  } catch (...) {  // else nothing works on the stream any more
    static_cast<void>(cudaStreamEndCapture(stream, &graph));
    const Owned<cudaGraph_t, cudaGraphDestroy> dropped(graph);
    throw;
  }
  check(cudaStreamEndCapture(stream, &graph), "recording a graph");
  const Owned<cudaGraph_t, cudaGraphDestroy> recorded(graph);
  cudaGraphExec_t executable = nullptr;
  check(cudaGraphInstantiate(&executable, graph, 0), "preparing a graph");
  executable_ = Owned<cudaGraphExec_t, cudaGraphExecDestroy>(executable);
}

}  // namespace nn::backend::cuda
