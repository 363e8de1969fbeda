// The vector type of the instruction set that this is compiled for, by GCC's vector
// extensions. Only for kernels.cpp: everything has internal linkage, because the same
// names are compiled with different instruction sets into one program.
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#include "backend/cpu/kernels.hpp"

namespace nn::backend::cpu {
namespace {

using T = NN_SCALAR;
constexpr bool is_float = sizeof(T) == 4;

#if defined(__AVX512F__)
constexpr int vector_bytes = 64, vector_registers = 32;
#elif defined(__AVX__)
constexpr int vector_bytes = 32, vector_registers = 16;
#elif defined(__aarch64__)
constexpr int vector_bytes = 16, vector_registers = 32;
#else
constexpr int vector_bytes = 16, vector_registers = 16;
#endif
constexpr int lanes = vector_bytes / static_cast<int>(sizeof(T));

using Bits = std::conditional_t<is_float, std::int32_t, std::int64_t>;
typedef T V __attribute__((vector_size(vector_bytes)));
typedef Bits I __attribute__((vector_size(vector_bytes)));
typedef T UnalignedV __attribute__((vector_size(vector_bytes), aligned(sizeof(T)), may_alias));

inline V load(const T* p) { return *reinterpret_cast<const UnalignedV*>(p); }
// The same where the last lanes may lie in what another thread is writing: they must not be used, and
// ThreadSanitizer need not look at them.
#if defined(__SANITIZE_THREAD__)
__attribute__((no_sanitize_thread, noinline))
#endif
inline V
load_beyond(const T* p) {
  return *reinterpret_cast<const UnalignedV*>(p);
}
inline V load_first(const T* p, std::int64_t count) {
  V v{};
  for (std::int64_t l = 0; l < count; ++l) v[l] = p[l];
  return v;
}
inline void store(T* p, V v) { *reinterpret_cast<UnalignedV*>(p) = v; }
inline void store_first(T* p, V v, std::int64_t count) {
  for (std::int64_t l = 0; l < count; ++l) p[l] = v[l];
}
inline V splat(T x) { return x - V{}; }

inline I bits_of(V v) { return reinterpret_cast<I>(v); }
inline V from_bits(I i) { return reinterpret_cast<V>(i); }
inline V absolute(V v) { return from_bits(bits_of(v) & ~bits_of(splat(T{-0.0}))); }
inline V with_sign_of(V magnitude, V sign) {
  const I mask = bits_of(splat(T{-0.0}));
  return from_bits(bits_of(magnitude) | (bits_of(sign) & mask));
}

using Lanes = std::make_integer_sequence<int, lanes>;

template <int... L>
inline I lane_numbers(std::integer_sequence<int, L...>) {
  return I{L...};
}

// All bits set in the first `count` lanes.
inline I first_lanes(std::int64_t count) { return lane_numbers(Lanes()) < static_cast<Bits>(count); }

template <int By, int... L>
inline V rotated(V v, std::integer_sequence<int, L...>) {
  return __builtin_shufflevector(v, v, ((L + By) % lanes)...);
}

// Over all lanes, halving: short chains of dependent operations.
template <int Width = lanes / 2, typename F>
inline T reduce(V v, F f) {
  if constexpr (Width == 0) {
    return v[0];
  } else {
    return reduce<Width / 2>(f(v, rotated<Width>(v, Lanes())), f);
  }
}
inline T sum(V v) {
  return reduce(v, [](V a, V b) { return a + b; });
}
inline T largest(V v) {
  return reduce(v, [](V a, V b) { return a > b ? a : b; });
}

}  // namespace
}  // namespace nn::backend::cpu
