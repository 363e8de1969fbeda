// Activations of their own, dropout, and the sum at the end of a residual block.
#include "backend/cuda/kernels/activations.cuh"
#include "backend/cuda/kernels/dropout.cuh"
#include "backend/cuda/kernels/rows.cuh"
#include "backend/cuda/operation.hpp"
#include "base/random.hpp"

namespace nn::backend::cuda {
namespace {

template <typename T>
class ActivationOp final : public Operation<T> {
 public:
  explicit ActivationOp(const Operands<T>& o)
      : s_(o.context),
        in_(o.input),
        out_(o.output),
        activation_(o.op.options.activation),
        slope_(static_cast<T>(slope_of(o.op.options))),
        adds_(o.input_adds),
        width_(o.op.out.size()) {
    if (s_.training && keeps_argument(activation_)) before_ = s_.template take<T>(s_.batch * out_.stride);
  }

  void forward(bool training) override {
    launch(s_.queue, over_elements(s_.batch, width_), activate_rows<T>, activation_, slope_, s_.batch, width_,
           in_.data, in_.stride, nullptr, training ? before_ : nullptr, out_.data, out_.stride);
  }

  void backward() override {
    if (in_.gradient == nullptr) return;
    launch(s_.queue, over_elements(s_.batch, width_), activate_rows_back<T>, activation_, slope_, s_.batch,
           width_, before_ != nullptr ? before_ : out_.data, out_.gradient, out_.stride, in_.gradient,
           in_.stride, adds_);
  }

 private:
  ProgramContext<T>& s_;
  const TensorView<T>&in_, &out_;
  Activation activation_;
  T slope_;
  bool adds_;
  Index width_;
  Each<T> before_;  // the activation's argument, where it is kept
};

// Inverted dropout: what is kept grows by 1 / (1 - rate), and prediction changes nothing.
template <typename T>
class Dropout final : public Operation<T> {
 public:
  explicit Dropout(const Operands<T>& o)
      : s_(o.context),
        in_(o.input),
        out_(o.output),
        adds_(o.input_adds),
        width_(o.op.out.size()),
        keep_(static_cast<T>(1 / (1 - o.op.options.rate))),
        drop_{static_cast<std::uint32_t>(RandomUse::dropout) | static_cast<std::uint32_t>(o.op.layer) << 8,
              static_cast<std::uint32_t>(o.op.options.rate * 0x1p32), s_.state} {}

  void forward(bool training) override {
    const Shape2 shape = over_elements(s_.batch, width_);
    if (training) {
      launch(s_.queue, shape, drop_rows<T>, drop_, keep_, s_.batch, width_, in_.data, in_.stride, out_.data,
             out_.stride, false);
    } else {
      launch(s_.queue, shape, copy_rows<T>, s_.batch, width_, in_.data, in_.stride, out_.data, out_.stride,
             false);
    }
  }

  void backward() override {
    if (in_.gradient == nullptr) return;
    launch(s_.queue, over_elements(s_.batch, width_), drop_rows<T>, drop_, keep_, s_.batch, width_,
           out_.gradient, out_.stride, in_.gradient, in_.stride, adds_);
  }

 private:
  ProgramContext<T>& s_;
  const TensorView<T>&in_, &out_;
  bool adds_;
  Index width_;
  T keep_;
  Drop drop_;
};

template <typename T>
class Add final : public Operation<T> {
 public:
  explicit Add(const Operands<T>& o)
      : s_(o.context),
        a_(o.input),
        b_(o.others[0].view),
        out_(o.output),
        a_adds_(o.input_adds),
        b_adds_(o.others[0].adds),
        width_(o.op.out.size()) {}

  void forward(bool) override {
    launch(s_.queue, over_elements(s_.batch, width_), add_rows<T>, s_.batch, width_, a_.data, a_.stride,
           b_.data, b_.stride, out_.data, out_.stride);
  }

  void backward() override {
    give(a_, a_adds_);
    give(b_, b_adds_);
  }

 private:
  void give(const TensorView<T>& input, bool adds) const {
    if (input.gradient == nullptr) return;
    launch(s_.queue, over_elements(s_.batch, width_), copy_rows<T>, s_.batch, width_, out_.gradient,
           out_.stride, input.gradient, input.stride, adds);
  }

  ProgramContext<T>& s_;
  const TensorView<T>&a_, &b_, &out_;
  bool a_adds_, b_adds_;
  Index width_;
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

}  // namespace nn::backend::cuda
