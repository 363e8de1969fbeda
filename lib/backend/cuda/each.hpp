// Pointers into the memory of each member of a program. Internal to the backend.
#pragma once

#include <cuda_runtime_api.h>

#include <concepts>
#include <cstddef>
#include <cstdint>

namespace nn::backend::cuda {

// The first member's, and the elements from each member's to the next one's; 0: all have the same.
// In a kernel, whose blocks of a z are one member's, it is the pointer to that member's.
template <typename T>
struct Each {
  T* data = nullptr;
  std::int64_t next = 0;

  Each() = default;
  Each(std::nullptr_t) {}
  Each(T* first, std::int64_t distance) : data(first), next(distance) {}
  template <typename U>
  requires std::convertible_to<U*, T*> Each(const Each<U>& other) : data(other.data), next(other.next) {}

  // Pointers to element `first` of each.
  Each from(std::int64_t first) const { return {data + first, next}; }
  // Every member uses the first one's data.
  Each shared() const { return {data, 0}; }
  T* of(std::size_t member) const { return data + static_cast<std::int64_t>(member) * next; }

  __host__ __device__ friend bool operator==(const Each& each, std::nullptr_t) {
    return each.data == nullptr;
  }
  __device__ operator T*() const;
  __device__ T* operator->() const;
};

// A stream, and how many members what is queued there is for.
struct Queue {
  Queue(cudaStream_t all, std::int64_t count = 1) : stream(all), members(count) {}
  cudaStream_t stream;
  std::int64_t members;
};

}  // namespace nn::backend::cuda
