#pragma once

#include <algorithm>

#include "backend/cuda/kernels/images.cuh"
#include "base/error.hpp"
#include "nn/plan.hpp"

namespace nn::cuda {

// Over batches of so many rows.
inline Windows windows_of(const Op& op, Index batch) {
  constexpr Index most = Index{1} << 31;
  if (batch > (most - 1) / std::max(op.in.pixels(), op.out.pixels())) {
    fail(ErrorKind::unsupported, "{} rows of {} pixels in a batch: a CUDA device takes 2^31 pixels", batch,
         std::max(op.in.pixels(), op.out.pixels()));
  }
  const auto size = [](Index v) { return static_cast<int>(v); };
  return {size(op.in.height),
          size(op.in.width),
          size(op.out.height),
          size(op.out.width),
          size(op.window.kernel.height),
          size(op.window.kernel.width),
          size(op.window.strides.height),
          size(op.window.strides.width),
          size(op.window.top),
          size(op.window.left)};
}

}  // namespace nn::cuda
