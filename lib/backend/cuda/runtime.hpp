// The CUDA runtime as owners: what is opened is closed, and calls that fail throw.
// Internal to the backend.
#pragma once

#include <cublas_v2.h>
#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string_view>
#include <utility>

#include "backend/backend.hpp"
#include "backend/cuda/each.hpp"

namespace nn::cuda {

using Index = std::int64_t;

// Throws an error that says what was being done.
void check(cudaError_t error, std::string_view what);
void check(cublasStatus_t status, std::string_view what);

// A handle and the function that closes it.
template <typename Handle, auto close>
class Owned {
 public:
  Owned() = default;
  explicit Owned(Handle handle) : handle_(handle) {}
  Owned(Owned&& other) noexcept : handle_(std::exchange(other.handle_, Handle{})) {}
  Owned& operator=(Owned&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Owned() {
    if (handle_ != Handle{}) static_cast<void>(close(handle_));
  }
  Handle get() const { return handle_; }

 private:
  Handle handle_{};
};

using Stream = Owned<cudaStream_t, cudaStreamDestroy>;
using Event = Owned<cudaEvent_t, cudaEventDestroy>;
using DeviceBlock = Owned<void*, cudaFree>;
using PinnedBlock = Owned<void*, cudaFreeHost>;

Stream make_stream();
Event make_event();
PinnedBlock make_pinned(std::size_t bytes);
std::size_t free_memory();  // bytes of the device

// Device memory for a program's life, all of it taken before its first step. Each piece is an
// allocation of its own, so that checkers see where it ends.
class Arena {
 public:
  explicit Arena(cudaStream_t stream) : stream_(stream) {}

  // `count` elements, all 0. Nothing for none.
  template <typename T>
  T* take(std::int64_t count) {
    return static_cast<T*>(take_bytes(count, 1, sizeof(T)));
  }
  // As many for each member.
  template <typename T>
  Each<T> take_each(std::int64_t members, std::int64_t count) {
    return {static_cast<T*>(take_bytes(members, count, sizeof(T))), count};
  }

 private:
  void* take_bytes(std::int64_t members, std::int64_t count, std::size_t element);

  cudaStream_t stream_;
  std::deque<DeviceBlock> blocks_;
};

// Copies of `count` elements by way of pinned memory, finished on return.
void upload_bytes(cudaStream_t stream, const void* from, std::size_t bytes, void* to);
void download_bytes(cudaStream_t stream, const void* from, std::size_t bytes, void* to);
template <typename T>
void upload(cudaStream_t stream, const T* from, Index count, T* to) {
  upload_bytes(stream, from, static_cast<std::size_t>(count) * sizeof(T), to);
}
template <typename T>
void download(cudaStream_t stream, const T* from, Index count, T* to) {
  download_bytes(stream, from, static_cast<std::size_t>(count) * sizeof(T), to);
}

void wait(cudaStream_t stream);

// Work for a stream that is recorded once and then started as a whole. The first run is made
// call by call: libraries load what they need then, which recording doesn't allow.
class Graph {
 public:
  void run(cudaStream_t stream, const std::function<void()>& work);

 private:
  Owned<cudaGraphExec_t, cudaGraphExecDestroy> executable_;
  bool ran_ = false;
};

}  // namespace nn::cuda
