// Activations of their own, dropout, and the sum at the end of a residual block.
#include <algorithm>

#include "backend/cpu/operation.hpp"
#include "base/random.hpp"

namespace nn::backend::cpu {
namespace {

template <typename T>
void copy_rows(std::int64_t rows, std::int64_t width, const T* from, std::int64_t from_row, T* to,
               std::int64_t to_row) {
  if (from_row == to_row && to_row == round_up(width)) {
    std::copy_n(from, rows * to_row, to);
    return;
  }
  for (std::int64_t i = 0; i < rows; ++i) std::copy_n(from + i * from_row, width, to + i * to_row);
}

template <typename T>
class ActivationOp final : public Operation<T> {
 public:
  explicit ActivationOp(const Operands<T>& o)
      : s_(o.context),
        in_(o.input),
        out_(o.output),
        activation_(o.op.options.activation),
        slope_(static_cast<T>(slope_of(o.op.options))),
        width_(o.op.out.size()) {
    if (s_.training && keeps_argument(activation_)) before_ = s_.arena.take(out_.stride * s_.batch, true);
  }

  void forward(const Run& run) override {
    T* x = before_ != nullptr ? before_ : out_.data;
    copy_rows(run.rows, width_, in_.data, in_.stride, x, out_.stride);
    s_.kernels.activate(activation_, slope_, round_up(run.rows * out_.stride), x, out_.data);
  }

  void backward(const Run& run) override {
    if (in_.gradient == nullptr) return;
    s_.kernels.activate_back(activation_, slope_, round_up(run.rows * out_.stride),
                             before_ != nullptr ? before_ : out_.data, out_.gradient);
    copy_rows(run.rows, width_, out_.gradient, out_.stride, in_.gradient, in_.stride);
  }

 private:
  const ProgramContext<T>& s_;
  const TensorView<T>&in_, &out_;
  Activation activation_;
  T slope_;
  std::int64_t width_;
  T* before_ = nullptr;  // the activation's argument, where it is kept
};

// Inverted dropout: what is kept grows by 1 / (1 - rate), and prediction changes nothing.
template <typename T>
class Dropout final : public Operation<T> {
 public:
  explicit Dropout(const Operands<T>& o)
      : s_(o.context),
        in_(o.input),
        out_(o.output),
        width_(o.op.out.size()),
        keep_(static_cast<T>(1 / (1 - o.op.options.rate))),
        limit_(static_cast<std::uint32_t>(o.op.options.rate * 0x1p32)),
        stream_(static_cast<std::uint32_t>(RandomUse::dropout) | static_cast<std::uint32_t>(o.op.layer)
                                                                     << 8) {
    if (s_.training) mask_ = s_.arena.take(width_ * s_.batch, false);
  }

  void forward(const Run& run) override {
    if (!run.training) return copy_rows(run.rows, width_, in_.data, in_.stride, out_.data, out_.stride);
    s_.kernels.dropout_mask(run.rows * width_, s_.seed, stream_, run.step, limit_, keep_, mask_);
    s_.kernels.multiply_rows(run.rows, width_, in_.data, in_.stride, mask_, out_.data, out_.stride);
  }

  void backward(const Run& run) override {
    if (in_.gradient == nullptr) return;
    s_.kernels.multiply_rows(run.rows, width_, out_.gradient, out_.stride, mask_, in_.gradient, in_.stride);
  }

 private:
  const ProgramContext<T>& s_;
  const TensorView<T>&in_, &out_;
  std::int64_t width_;
  T keep_;
  std::uint32_t limit_, stream_;
  T* mask_ = nullptr;
};

template <typename T>
class Add final : public Operation<T> {
 public:
  explicit Add(const Operands<T>& o)
      : a_(o.input), b_(*o.others[0]), out_(o.output), width_(o.op.out.size()) {}

  void forward(const Run& run) override {
    for (std::int64_t i = 0; i < run.rows; ++i) {
      const T* a = a_.data + i * a_.stride;
      const T* b = b_.data + i * b_.stride;
      T* y = out_.data + i * out_.stride;
      for (std::int64_t j = 0; j < width_; ++j) y[j] = a[j] + b[j];
    }
  }

  void backward(const Run& run) override {
    for (const TensorView<T>* input : {&a_, &b_}) {
      if (input->gradient == nullptr) continue;
      copy_rows(run.rows, width_, out_.gradient, out_.stride, input->gradient, input->stride);
    }
  }

 private:
  const TensorView<T>&a_, &b_, &out_;
  std::int64_t width_;
};

}  // namespace

template <>
OperationPtr<NN_SCALAR> make<OpKind::activation>(const Operands<NN_SCALAR>& o) {
  return std::make_unique<ActivationOp<NN_SCALAR>>(o);
}
template <>
OperationPtr<NN_SCALAR> make<OpKind::dropout>(const Operands<NN_SCALAR>& o) {
  return std::make_unique<Dropout<NN_SCALAR>>(o);
}
template <>
OperationPtr<NN_SCALAR> make<OpKind::add>(const Operands<NN_SCALAR>& o) {
  return std::make_unique<Add<NN_SCALAR>>(o);
}

}  // namespace nn::backend::cpu
