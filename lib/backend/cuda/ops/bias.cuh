// What follows a product of matrices: bias and activation, and the way back through both.
#pragma once

#include "backend/cuda/kernels/activations.cuh"
#include "backend/cuda/kernels/columns.cuh"
#include "backend/cuda/operation.hpp"

namespace nn::cuda {

// Over `rows` pixels of `columns` values each, `row` elements apart, of an output.
template <typename T>
class BiasActivation {
 public:
  BiasActivation(Setting<T>& setting, Activation activation, Index rows, Index columns, Index row,
                 Each<const T> bias, Each<T> bias_gradient)
      : s_(setting),
        activation_(activation),
        rows_(rows),
        columns_(columns),
        row_(row),
        bias_(bias),
        bias_gradient_(bias_gradient) {
    if (!s_.training) return;
    s_.partial.need(partial_count(rows, columns, 1));
    if (activation == Activation::gelu) before_ = s_.template take<T>(rows * row);
  }

  // y = activation(y + bias)
  void forward(bool training, Each<T> y) const {
    launch(s_.queue, over_elements(rows_, columns_), activate_rows<T>, activation_, rows_, columns_, y, row_,
           bias_, training ? before_ : nullptr, y, row_);
  }

  // The gradient g of y becomes that of what bias was added to.
  void backward(Each<const T> y, Each<T> g) const {
    if (activation_ != Activation::linear) {
      launch(s_.queue, over_elements(rows_, columns_), activate_rows_back<T>, activation_, rows_, columns_,
             before_ != nullptr ? before_ : y, g, row_, g, row_, false);
    }
    launch(s_.queue, over_chunks(rows_, columns_), sum_rows<T>, rows_, columns_, g, row_, s_.partial.data());
    launch(s_.queue, over_vector(columns_), finish_sums<T>, chunks_of(rows_), columns_, s_.partial.data(),
           bias_gradient_);
  }

 private:
  Setting<T>& s_;
  Activation activation_;
  Index rows_, columns_, row_;
  Each<const T> bias_;
  Each<T> bias_gradient_;
  Each<T> before_;  // gelu: its argument
};

}  // namespace nn::cuda
