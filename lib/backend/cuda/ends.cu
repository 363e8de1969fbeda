// What a program computes before its first operation and after its last one.
#include "backend/cuda/cuda_program.hpp"
#include "backend/cuda/kernels/losses.cuh"
#include "backend/cuda/kernels/rows.cuh"

namespace nn::cuda {

template <typename T>
const Place<T>& CudaProgram<T>::last() const {
  return places_[static_cast<std::size_t>(plan_.ops.back().output)];
}

template <typename T>
void CudaProgram<T>::run_forward(bool bytes, bool training) {
  const Batch<T>& b = staging_.batch();
  const Shape2 shape = over_elements(options_.batch, plan_.inputs);
  T* x = places_.front().data;
  if (bytes) {
    launch(stream(), shape, place_bytes<T>, &b.state->rows, options_.batch, plan_.inputs, b.bytes,
           byte_values_, x);
  } else {
    launch(stream(), shape, place_floats<T>, &b.state->rows, options_.batch, plan_.inputs, b.floats, x);
  }
  for (const auto& operation : operations_) operation->forward(training);
}

template <typename T>
void CudaProgram<T>::find_loss(bool training) {
  const Batch<T>& b = staging_.batch();
  const Place<T>& z = last();
  const T smoothing = training ? static_cast<T>(options_.label_smoothing) : T{0};
  const LossRows<T> rows{options_.batch, plan_.outputs, z.data,
                         z.stride,       b.labels,      b.targets,
                         b.weights,      smoothing,     training ? z.gradient : nullptr,
                         losses_};
  if (plan_.loss == Loss::categorical_crossentropy) {
    launch(stream(), over_rows(options_.batch), softmax_loss<T>, rows, b.state);
  } else if (plan_.loss == Loss::binary_crossentropy) {
    launch(stream(), over_vector(options_.batch), sigmoid_loss<T>, rows, b.state);
  } else {
    launch(stream(), over_rows(options_.batch), regression_loss<T>, plan_.loss, rows, b.state);
  }
  launch(stream(), Shape2{dim3(1), dim3(256)}, sum_losses, options_.batch, losses_, b.state, loss_);
}

template <typename T>
void CudaProgram<T>::finish_outputs() {
  const Place<T>& z = last();
  const Index width = plan_.outputs;
  if (plan_.loss == Loss::categorical_crossentropy) {
    launch(stream(), over_rows(options_.batch), softmax_rows<T>, options_.batch, width, z.data, z.stride,
           outputs_);
    return;
  }
  const Activation activation =
      plan_.loss == Loss::binary_crossentropy ? Activation::sigmoid : Activation::linear;
  launch(stream(), over_elements(options_.batch, width), activate_rows<T>, activation, options_.batch, width,
         z.data, z.stride, nullptr, nullptr, outputs_, width);
}

template void CudaProgram<NN_SCALAR>::run_forward(bool, bool);
template void CudaProgram<NN_SCALAR>::find_loss(bool);
template void CudaProgram<NN_SCALAR>::finish_outputs();

}  // namespace nn::cuda
