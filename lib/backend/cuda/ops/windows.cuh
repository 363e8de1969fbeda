#pragma once

#include "backend/cuda/kernels/images.cuh"
#include "nn/plan.hpp"

namespace nn::cuda {

inline Windows windows_of(const Op& op) {
  return {op.in.height,
          op.in.width,
          op.out.height,
          op.out.width,
          op.window.kernel.height,
          op.window.kernel.width,
          op.window.strides.height,
          op.window.strides.width,
          op.window.top,
          op.window.left};
}

}  // namespace nn::cuda
