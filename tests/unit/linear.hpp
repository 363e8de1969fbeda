// Whether work grows in proportion to the input: measured.
#pragma once

#include <algorithm>
#include <cstddef>

#include "catch.hpp"
#include "thread_time.hpp"

namespace nn::test {

// make(n) gives an input of size n, work(input) is measured. Eight times the input may take 24 times as long:
// work in proportion takes 8, work that grows by the square takes 64. Of what is over in a moment nothing is
// said.
template <typename Make, typename Work>
void check_linear(std::size_t n, Make&& make, Work&& work) {
  constexpr double moment_s = 0.004, most = 24;
  const auto seconds = [&](std::size_t size) {
    const auto input = make(size);
    double least = 1e9;
    for (int i = 0; i < 2; ++i) {
      const double begin = thread_seconds();
      work(input);
      least = std::min(least, thread_seconds() - begin);
    }
    return least;
  };
  const double small = seconds(n);
  const double large = seconds(8 * n);
  INFO("seconds: " << small << " for " << n << ", " << large << " for " << 8 * n);
  CHECK(large < most * std::max(small, moment_s));
}

}  // namespace nn::test
