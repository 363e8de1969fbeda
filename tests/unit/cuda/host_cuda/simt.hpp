// Runs kernels on the CPU as a device might: a fiber for each CUDA thread, which take turns
// at barriers only, in one of several orders. What no correct kernel does ends the program:
// barriers that not all threads of a block reach, shuffles among lanes that are not there.
//
// Included in place of the CUDA compiler's own words by backend/cuda/dialect.cuh.
#pragma once

#include <math.h>
#include <vector_types.h>

#include <cstdint>
#include <cstring>
#include <functional>

namespace host_cuda {

enum class Order { forward, reverse, random };
void set_order(Order order);  // of the threads of a block, and of blocks

constexpr unsigned warp_size = 32;

// Limits of grids and of blocks of work are so many times smaller; at first 1.
void shrink(std::int64_t times);
std::int64_t shrunk(std::int64_t limit);

// Runs all blocks of a grid, one after another.
void run_grid(dim3 grid, dim3 block, const std::function<void()>& kernel);

struct Position {
  uint3 thread{}, block{};
  dim3 block_size, grid_size;
};
const Position& position();  // of the CUDA thread that runs

void wait_for_block(unsigned line);
// Every lane of a warp gives a word and gets that of `lane ^ distance`; that of `lane`; or bits, of
// which each says whether a lane gave something.
std::uint64_t exchange(std::uint64_t word, unsigned distance);
std::uint64_t word_of(std::uint64_t word, unsigned lane);
std::uint32_t ballot(bool given);

// Shared memory holds NaN when a block begins. Called by each thread.
void begin_shared(void* memory, std::size_t size);

}  // namespace host_cuda

#undef __global__
#define __global__
#undef __device__
#define __device__
#undef __host__
#define __host__
#undef __forceinline__
#define __forceinline__ inline
#undef __launch_bounds__
#define __launch_bounds__(...)

#define threadIdx (::host_cuda::position().thread)
#define blockIdx (::host_cuda::position().block)
#define blockDim (::host_cuda::position().block_size)
#define gridDim (::host_cuda::position().grid_size)

// Blocks run one after another: what a block shares can be static.
#define NN_SHARED(type, name, count) \
  static type name[count];           \
  ::host_cuda::begin_shared(name, sizeof name)

#define NN_ROLLED

inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>((std::uint64_t{a} * b) >> 32);
}

inline void __syncthreads(unsigned line = __builtin_LINE()) { ::host_cuda::wait_for_block(line); }

namespace host_cuda {

// `get` gives a word and returns another.
template <typename T, typename Get>
T among_words(T value, Get get) {
  static_assert(sizeof(T) <= sizeof(std::uint64_t));
  std::uint64_t word = 0;
  std::memcpy(&word, &value, sizeof value);
  word = get(word);
  std::memcpy(&value, &word, sizeof value);
  return value;
}

}  // namespace host_cuda

template <typename T>
T __shfl_xor_sync(unsigned, T value, int distance) {
  return ::host_cuda::among_words(value, [=](std::uint64_t word) {
    return ::host_cuda::exchange(word, static_cast<unsigned>(distance));
  });
}
template <typename T>
T __shfl_sync(unsigned, T value, int lane) {
  return ::host_cuda::among_words(
      value, [=](std::uint64_t word) { return ::host_cuda::word_of(word, static_cast<unsigned>(lane)); });
}
inline unsigned __ballot_sync(unsigned, bool given) { return ::host_cuda::ballot(given); }
inline int __ffs(unsigned word) { return __builtin_ffs(static_cast<int>(word)); }
