// Compiled once for each instruction set (NN_LEVEL) and element type (NN_SCALAR). Nothing
// here may be visible outside but the table: an inline function that the linker shares
// would bring instructions of one set into code for another.
#include "backend/cpu/kernels.hpp"

#include "backend/cpu/kernels/activations.hpp"
#include "backend/cpu/kernels/depthwise.hpp"
#include "backend/cpu/kernels/dropout.hpp"
#include "backend/cpu/kernels/gemm.hpp"
#include "backend/cpu/kernels/images.hpp"
#include "backend/cpu/kernels/losses.hpp"
#include "backend/cpu/kernels/norms.hpp"
#include "backend/cpu/kernels/updates.hpp"

#define NN_JOIN_(level, scalar) level##_kernels_##scalar
#define NN_JOIN(level, scalar) NN_JOIN_(level, scalar)

namespace nn::backend::cpu {

const Kernels<NN_SCALAR> NN_JOIN(NN_LEVEL, NN_SCALAR) = {
    .gemm = gemm,
    .column_sums = column_sums,
    .activate = activate,
    .activate_back = activate_back,
    .loss = loss,
    .softmax = softmax,
    .dropout_mask = dropout_mask,
    .multiply_rows = multiply_rows,
    .gather_patches = gather_patches,
    .scatter_patches = scatter_patches,
    .depthwise = depthwise,
    .depthwise_back = depthwise_back,
    .max_pool = max_pool,
    .max_pool_back = max_pool_back,
    .average_pool = average_pool,
    .average_pool_back = average_pool_back,
    .channel_sums = channel_sums,
    .channel_products = channel_products,
    .scale_channels = scale_channels,
    .combine_channels = combine_channels,
    .layer_norm = layer_norm,
    .layer_norm_back = layer_norm_back,
    .scale = scale,
    .add_scaled = add_scaled,
    .sum_of_squares = sum_of_squares,
    .momentum = momentum,
    .nesterov = nesterov,
    .rmsprop = rmsprop,
    .adam = adam,
};

}  // namespace nn::backend::cpu
