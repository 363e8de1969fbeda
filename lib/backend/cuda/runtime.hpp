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

namespace nn::backend::cuda {

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

constexpr Index most_elements = INT64_MAX / 64;  // of all members: more than any memory has
// A number of elements behind which the next member's begin as the first ones do, so that products have
// the same kernels for several as for one.
constexpr Index well_aligned(Index count) { return (count + 63) / 64 * 64; }

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
  // Takes `count` elements for each member.
  template <typename T>
  Each<T> take_each(std::int64_t members, std::int64_t count) {
    return {static_cast<T*>(take_bytes(members, count, sizeof(T))), count};
  }

 private:
  void* take_bytes(std::int64_t members, std::int64_t count, std::size_t element);

  cudaStream_t stream_;
  std::deque<DeviceBlock> blocks_;
};

// Pinned memory by which copies of any size go.
class Transfer {
 public:
  Transfer() = default;
  explicit Transfer(std::size_t bytes);  // of the largest copy
  void upload(cudaStream_t stream, const void* from, std::size_t bytes, void* to) const;
  void download(cudaStream_t stream, const void* from, std::size_t bytes, void* to) const;

 private:
  PinnedBlock block_;
  std::size_t size_ = 0;
};

// Copies of `count` elements, finished on return; without a transfer by one of their own, which takes
// a while to make.
template <typename T>
void upload(cudaStream_t stream, const Transfer& by, const T* from, Index count, T* to) {
  by.upload(stream, from, static_cast<std::size_t>(count) * sizeof(T), to);
}
template <typename T>
void download(cudaStream_t stream, const Transfer& by, const T* from, Index count, T* to) {
  by.download(stream, from, static_cast<std::size_t>(count) * sizeof(T), to);
}
template <typename T>
void upload(cudaStream_t stream, const T* from, Index count, T* to) {
  upload(stream, Transfer(static_cast<std::size_t>(count) * sizeof(T)), from, count, to);
}
template <typename T>
void download(cudaStream_t stream, const T* from, Index count, T* to) {
  download(stream, Transfer(static_cast<std::size_t>(count) * sizeof(T)), from, count, to);
}

void wait(cudaStream_t stream);

// Work for a stream that is recorded once and then started as a whole. The first run is made call by
// call, for libraries load what they need then, which recording doesn't allow; and recorded, so that
// a network that was warmed up has no slow call any more.
class Graph {
 public:
  void run(cudaStream_t stream, const std::function<void()>& work);

 private:
  Owned<cudaGraphExec_t, cudaGraphExecDestroy> executable_;
};

}  // namespace nn::backend::cuda
