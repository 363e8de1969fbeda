// A product of matrices and what follows it: bias and activation, and the backward pass through both.
#pragma once

#include "backend/cuda/kernels/activations.cuh"
#include "backend/cuda/kernels/columns.cuh"
#include "backend/cuda/operation.hpp"

namespace nn::backend::cuda {

// Over `rows` pixels of `columns` values each, `row` elements apart, of an output.
template <typename T>
class BiasActivation {
 public:
  BiasActivation(ProgramContext<T>& context, const LayerOptions& options, Index rows, Index columns,
                 Index row, Each<T> bias, Each<T> bias_gradient)
      : s_(context),
        activation_(options.activation),
        slope_(static_cast<T>(slope_of(options))),
        rows_(rows),
        columns_(columns),
        row_(row),
        bias_(bias),
        bias_gradient_(bias_gradient) {
    if (!s_.training) return;
    s_.partial.need(partial_count(rows, columns, 1));
    if (keeps_argument(activation_)) before_ = s_.template take<T>(rows * row);
  }

  // The product's result, from pixel `first` of the output on, becomes activation(product + bias).
  void forward(const Product<T>& p, Index first, bool training) const {
    if (fuses() && s_.blas.multiply(p, {kind(), bias_})) return;
    s_.blas.multiply(p);
    launch(s_.queue, over_elements(p.m, columns_), activate_rows<T>, activation_, slope_, p.m, columns_,
           p.c.data, row_, bias_, training && before_ != nullptr ? before_.from(first * row_) : nullptr,
           p.c.data, row_);
  }

  // The gradient g of y becomes that of what bias was added to.
  void backward(Each<const T> y, Each<T> g) const {
    if (activation_ == Activation::linear) return;
    launch(s_.queue, over_elements(rows_, columns_), activate_rows_back<T>, activation_, slope_, rows_,
           columns_, before_ != nullptr ? before_ : y, g, row_, g, row_, false);
  }

  // The product that makes a kernel's gradient of that, g, which is its b; and the bias' gradient.
  void gradients(const Product<T>& p) const {
    // Sums of very many rows are cut into parts, which go without an epilogue.
    const bool long_sums = p.k > 16 * (p.m + p.n);
    if (!long_sums && s_.blas.multiply(p, {Epilogue<T>::Kind::bias_gradient, bias_gradient_})) return;
    s_.blas.multiply(p);
    sum(p.b.data);
  }
  void sum(Each<const T> g) const {
    launch(s_.queue, over_chunks(rows_, columns_), sum_rows<T>, rows_, columns_, g, row_, s_.partial.data());
    launch(s_.queue, over_columns(columns_), finish_sums<T>, chunks_of(rows_), columns_, s_.partial.data(),
           bias_gradient_);
  }

 private:
  // cublasLt's gelu is an approximation, and its relu may hide what is not a number, which must show
  // in a loss.
  bool fuses() const {
    return activation_ == Activation::linear || (activation_ == Activation::relu && !s_.training);
  }
  typename Epilogue<T>::Kind kind() const {
    return activation_ == Activation::relu ? Epilogue<T>::Kind::bias_relu : Epilogue<T>::Kind::bias;
  }

  ProgramContext<T>& s_;
  Activation activation_;
  T slope_;
  Index rows_, columns_, row_;
  Each<T> bias_, bias_gradient_;
  Each<T> before_;  // the activation's argument, where it is kept
};

}  // namespace nn::backend::cuda
