#pragma once

#include "backend/cuda/kernels/images.cuh"
#include "nn/plan.hpp"

namespace nn::backend::cuda {

inline Windows windows_of(const Op& op) {
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

}  // namespace nn::backend::cuda
