// The ends of a program: what it computes before its first operation and after its last one.
#include <algorithm>

#include "backend/cuda/cuda_program.hpp"
#include "backend/cuda/kernels/losses.cuh"
#include "backend/cuda/kernels/rows.cuh"

namespace nn::backend::cuda {

template <typename T>
const TensorView<T>& CudaProgram<T>::last() const {
  return views_[static_cast<std::size_t>(plan_.ops.back().output)];
}

template <typename T>
void CudaProgram<T>::run_forward(const Batch<T>& b, Source source, bool training) {
  const Shape2 shape = over_elements(context_.batch, plan_.inputs);
  const Each<T> x = views_.front().data;
  const Queue places = x.next == 0 ? Queue(stream()) : queue();
  if (source == Source::bytes || b.floats == nullptr) {
    launch(places, shape, place_bytes<T>, b.state, context_.batch, plan_.inputs, b.chosen, b.bytes,
           byte_values_, x);
  } else {
    launch(places, shape, place_floats<T>, b.state, context_.batch, plan_.inputs, b.chosen, b.floats, x);
  }
  for (const auto& operation : operations_) operation->forward(training);
}

template <typename T>
void CudaProgram<T>::find_loss(const Batch<T>& b, bool training, bool ends_step) {
  const TensorView<T>& z = last();
  const LossRows<T> rows{context_.batch, plan_.outputs, z.data,
                         z.stride,       b.labels,      b.targets,
                         b.weights,      b.chosen,      training ? z.gradient : nullptr,
                         losses_};
  if (plan_.loss == Loss::categorical_crossentropy) {
    launch(queue(), over_rows(context_.batch), softmax_loss<T>, rows, b.state);
  } else if (plan_.loss == Loss::binary_crossentropy) {
    launch(queue(), over_vector(context_.batch), sigmoid_loss<T>, rows, b.state);
  } else if (plan_.loss == Loss::pinball) {
    Quantiles<T> quantiles{};
    std::copy_n(plan_.quantiles.begin(), plan_.quantiles.size(), quantiles.values);
    launch(queue(), over_rows(context_.batch), pinball_loss<T>, rows, quantiles, b.state);
  } else if (plan_.loss == Loss::gaussian) {
    launch(queue(), over_vector(context_.batch), gaussian_loss<T>, rows, b.state);
  } else {
    launch(queue(), over_rows(context_.batch), regression_loss<T>, plan_.loss, rows, b.state);
  }
  launch(queue(), Shape2{dim3(1), dim3(256)}, sum_losses, context_.batch, losses_, b.state, loss_,
         ends_step ? total_ : nullptr);
}

template <typename T>
void CudaProgram<T>::finish_outputs() {
  const TensorView<T>& z = last();
  const Index width = plan_.outputs;
  if (plan_.answers() != width) {
    launch(queue(), over_vector(context_.batch), both_classes<T>, context_.batch, z.data, z.stride, outputs_);
    return;
  }
  if (plan_.loss == Loss::categorical_crossentropy) {
    launch(queue(), over_rows(context_.batch), softmax_rows<T>, context_.batch, width, z.data, z.stride,
           outputs_);
    return;
  }
  const Activation activation =
      plan_.loss == Loss::binary_crossentropy ? Activation::sigmoid : Activation::linear;
  launch(queue(), over_elements(context_.batch, width), activate_rows<T>, activation, T{0}, context_.batch,
         width, z.data, z.stride, nullptr, nullptr, outputs_, width);
}

template void CudaProgram<NN_SCALAR>::run_forward(const Batch<NN_SCALAR>&, Source, bool);
template void CudaProgram<NN_SCALAR>::find_loss(const Batch<NN_SCALAR>&, bool, bool);
template void CudaProgram<NN_SCALAR>::finish_outputs();

}  // namespace nn::backend::cuda
