// Dropout's random numbers: Philox4x32-10 (see base/random.hpp), several blocks at once.
#pragma once

#include "backend/cpu/kernels/vector.hpp"

namespace nn::backend::cpu {
namespace {

constexpr int blocks_at_once = 8;

struct PhiloxBlocks {
  std::uint32_t word[4][blocks_at_once];
};

inline void philox_round(PhiloxBlocks& b, std::uint32_t key_0, std::uint32_t key_1) {
  for (int l = 0; l < blocks_at_once; ++l) {
    const std::uint64_t first = std::uint64_t{0xD2511F53} * b.word[0][l];
    const std::uint64_t second = std::uint64_t{0xCD9E8D57} * b.word[2][l];
    const std::uint32_t w1 = b.word[1][l], w3 = b.word[3][l];
    b.word[0][l] = static_cast<std::uint32_t>(second >> 32) ^ w1 ^ key_0;
    b.word[1][l] = static_cast<std::uint32_t>(second);
    b.word[2][l] = static_cast<std::uint32_t>(first >> 32) ^ w3 ^ key_1;
    b.word[3][l] = static_cast<std::uint32_t>(first);
  }
}

// Element e has word e % 4 of the block with counter (e / 4, stream, step).
void dropout_mask(std::int64_t n, std::uint64_t seed, std::uint32_t stream, std::uint64_t step,
                  std::uint32_t limit, T keep, T* mask) {
  for (std::int64_t i = 0; i < n; i += 4 * blocks_at_once) {
    PhiloxBlocks b;
    for (int l = 0; l < blocks_at_once; ++l) {
      b.word[0][l] = static_cast<std::uint32_t>(i / 4 + l);
      b.word[1][l] = stream;
      b.word[2][l] = static_cast<std::uint32_t>(step);
      b.word[3][l] = static_cast<std::uint32_t>(step >> 32);
    }
    auto key_0 = static_cast<std::uint32_t>(seed), key_1 = static_cast<std::uint32_t>(seed >> 32);
    for (int round = 0; round < 10; ++round) {
      philox_round(b, key_0, key_1);
      key_0 += 0x9E3779B9;
      key_1 += 0xBB67AE85;
    }
    const std::int64_t count = n - i < 4 * blocks_at_once ? n - i : 4 * blocks_at_once;
    for (std::int64_t e = 0; e < count; ++e) mask[i + e] = b.word[e % 4][e / 4] < limit ? T{0} : keep;
  }
}

void multiply_rows(std::int64_t rows, std::int64_t width, const T* x, std::int64_t x_row, const T* mask, T* y,
                   std::int64_t y_row) {
  for (std::int64_t i = 0; i < rows; ++i, x += x_row, mask += width, y += y_row) {
    for (std::int64_t j = 0; j < width; ++j) y[j] = x[j] * mask[j];
  }
}

}  // namespace
}  // namespace nn::backend::cpu
