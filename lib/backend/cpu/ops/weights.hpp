// The weights of a dense layer or a convolution as the forward pass multiplies by them.
#pragma once

#include <type_traits>

#include "backend/cpu/operation.hpp"

namespace nn::backend::cpu {

// A matrix [k, n]: floats where they lie, or rounded to bfloat16 for programs that predict so.
template <typename T>
class Weights {
 public:
  Weights(const ProgramContext<T>& context, std::int64_t k, std::int64_t n, const T* values, std::int64_t row)
      : context_(context), values_(values), row_(row) {
    if constexpr (std::is_same_v<T, float>) {
      if (context.bf16 == nullptr) return;
      packed_ = reinterpret_cast<std::uint32_t*>(context.arena.take(bf16_packed_size(k, n), false));
      pairs_ = reinterpret_cast<std::uint32_t*>(context.arena.take(context.threads() * scratch(k), false));
      context.bf16->pack(k, n, values, row, packed_);
    }
  }

  // g has everything but b and scratch; its a has rows.
  void multiply(Gemm<T> g, int part) const {
    if constexpr (std::is_same_v<T, float>) {
      if (packed_ != nullptr) {
        return context_.bf16->gemm({g.m, g.n, g.k, g.a, g.a_row, packed_, g.c, g.c_row, g.c_padded, g.start,
                                    pairs_ + part * scratch(g.k)});
      }
    }
    g.b = values_;
    g.b_row = row_;
    g.panel = context_.panel(part);
    context_.kernels.gemm(g);
  }

 private:
  static std::int64_t scratch(std::int64_t k) { return round_up(bf16_rows * bf16_pairs(k)); }

  const ProgramContext<T>& context_;
  const T* values_;
  std::int64_t row_;
  std::uint32_t *packed_ = nullptr, *pairs_ = nullptr;
};

}  // namespace nn::backend::cpu
